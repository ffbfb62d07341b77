"""Fuzz one parser with coverage guidance: `python tests/fuzzing/fuzz.py bundle --seconds=600`, or all of them in turn.

It needs atheris (`make fuzz` installs it). An input that breaks a parser is kept in tests/fuzzing/found/, where
test_parsers.py reads it again.
"""

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
FOUND = HERE / "found"


def fuzz(name, seconds, corpus):
    """Fuzz one parser in this process, until the time is over or an input breaks it."""
    import atheris

    with atheris.instrument_imports(include=["roadworthy", "parsers"], enable_loader_override=False):
        import parsers
    target, seeds = parsers.TARGETS[name]
    for seed in seeds():
        (Path(corpus) / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    options = [
        f"-max_total_time={seconds}",
        "-max_len=20000",
        "-rss_limit_mb=2048",
        "-timeout=20",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={corpus}-broken-", corpus], target)
    atheris.Fuzz()


def told(name, seconds):
    """Fuzz one parser in a process of its own; a line with what came of it."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        corpus = Path(place, "corpus")
        corpus.mkdir()
        words = [sys.executable, __file__, name, f"--seconds={seconds}", f"--corpus={corpus}"]
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
        runs = re.findall(r"stat::number_of_executed_units: (\d+)", done.stderr)
        points = re.findall(r"cov: (\d+)", done.stderr)
        for path in Path(place).glob("corpus-broken-*"):
            FOUND.mkdir(exist_ok=True)
            (FOUND / f"{name}-{path.name.rpartition('-')[2][:12]}").write_bytes(path.read_bytes())
        broken = re.findall(r"^ *=== Uncaught Python exception: ===\n(.*)", done.stderr, re.MULTILINE)
        end = f"broken: {broken[0]}" if broken else "nothing found" if done.returncode == 0 else done.stderr[-500:]
        return f"{name}: {(runs or ['?'])[-1]} inputs in {seconds} s, {(points or ['?'])[-1]} points covered; {end}"


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("names", nargs="*")
    options.add_argument("--seconds", type=int, default=600)
    options.add_argument("--corpus", default="")
    asked = options.parse_args()
    if asked.corpus:
        fuzz(asked.names[0], asked.seconds, asked.corpus)
        return
    sys.path.insert(0, str(HERE))
    import parsers

    for name in asked.names or parsers.TARGETS:
        sys.stdout.write(f"{told(name, asked.seconds)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
