"""Named fio jobs, as TOML of allow-listed keys."""
