"""The host's package sources, read for another suite; and apt told to use them."""

import pytest

from roadworthy.programs import ProgramFailed
from roadworthy.supplies import apt as apts
from roadworthy.supplies.apt import ACCEPT_EXPIRED, Apt, AptFailed
from roadworthy.supplies.sources import NoSource, Source, deb822, for_suite, one_line, read, without

KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
DEB822 = f"""\
# the archive
Types: deb deb-src
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main non-free-firmware
Signed-By: {KEYS}
Check-Valid-Until: no
Architectures: amd64 i386

Types: deb
URIs: https://mirror.test/security
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
URIs: http://other.test/debian
Suites: bookworm
Components: stable

Types: deb
Enabled: no
URIs: http://off.test/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://source.test/debian
Suites: bookworm
Components: main
"""
ONE_LINE = f"""\
deb http://mirror.test/debian bookworm main contrib  # the archive
# deb http://commented.test/debian bookworm main
deb-src http://mirror.test/debian bookworm main
deb [arch=amd64,i386 signed-by={KEYS} trusted=yes] http://mirror.test/debian bookworm-updates main
deb [signed-by=/k.gpg] https://vendor.test/apt vendor-bookworm main
deb https://flat.test/ ./
"""


def test_deb822_is_read():
    found = deb822(DEB822)
    assert [source.uris for source in found] == [
        ("http://mirror.test/debian",), ("https://mirror.test/security",), ("http://other.test/debian",)
    ]  # fmt: skip
    assert found[0].suites == ("bookworm", "bookworm-updates", "bookworm-backports")
    assert dict(found[0].options)["signed-by"] == KEYS
    assert dict(found[1].options)["signed-by"].splitlines()[1] == " -----BEGIN PGP PUBLIC KEY BLOCK-----"


def test_one_line_format_is_read():
    found = one_line(ONE_LINE)
    assert [source.suites for source in found] == [("bookworm",), ("bookworm-updates",), ("vendor-bookworm",), ("./",)]
    assert found[0].components == ("main", "contrib")
    assert dict(found[1].options) == {"architectures": "amd64 i386", "signed-by": KEYS, "trusted": "yes"}
    assert found[3].components == ()


def test_files_are_read_as_apt_reads_them(tmp_path):
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text("deb http://a.test/debian bookworm main\n")
    (parts / "b.list").write_text("deb http://b.test/debian bookworm main\n")
    (parts / "c.sources").write_text("Types: deb\nURIs: http://c.test/debian\nSuites: bookworm\nComponents: main\n")
    (parts / "d.list.disabled").write_text("deb http://d.test/debian bookworm main\n")
    found = read(tmp_path / "sources.list", parts)
    assert [source.uris[0] for source in found] == [f"http://{name}.test/debian" for name in "abc"]
    assert read(tmp_path / "missing", tmp_path / "missing.d") == []


def test_only_suites_and_components_are_replaced():
    first, second = for_suite(deb822(DEB822), "bookworm", "trixie", ("main", "contrib"))
    assert first.uris == ("http://mirror.test/debian",)
    assert first.suites == ("trixie", "trixie-updates")
    assert first.components == ("main", "contrib")
    assert first.options == (("signed-by", KEYS),)
    assert second.suites == ("trixie-security",)


def test_other_archives_are_left_out():
    found = for_suite(one_line(ONE_LINE), "bookworm", "bullseye", ("main",))
    assert [source.suites for source in found] == [("bullseye",), ("bullseye-updates",)]


def test_a_host_that_follows_stable_by_that_name():
    (found,) = for_suite(one_line("deb http://m.test/debian stable main"), "bookworm", "forky", ("main",))
    assert found.suites == ("forky",)


def test_unstable_has_no_pockets():
    found = for_suite(deb822(DEB822), "bookworm", "sid", ("main",))
    assert [source.suites for source in found] == [("sid",)]


def test_no_source_to_read_from_is_said():
    with pytest.raises(NoSource, match="no entry for bookworm with the component main, so there is none to read sid"):
        for_suite(one_line("deb http://m.test/ubuntu jammy main"), "bookworm", "sid", ("main",))


def test_a_source_written_is_the_source_read():
    found = deb822(DEB822)
    assert deb822("\n".join(source.text() for source in found)) == found


def test_suites_can_be_left_out():
    sources = [Source(("u/", "w"), ("a", "a-updates"), ("main",)), Source(("v",), ("a-security",), ("main",))]
    assert without(sources, [("u", "a-updates"), ("v", "a-security")]) == [
        Source(("u/",), ("a",), ("main",)),
        Source(("w",), ("a", "a-updates"), ("main",)),
    ]


class FakeApt(Apt):
    """apt whose answers are given: what each call to update says, or None for success."""

    answers: list[str | None] = []

    def _run(self, program, *arguments, seconds=120.0):
        said = self.answers.pop(0)
        if said:
            raise ProgramFailed(said)
        return ""


@pytest.fixture
def client(tmp_path, monkeypatch):
    monkeypatch.setattr(apts, "host_sources", lambda: deb822(DEB822))
    monkeypatch.setattr(apts, "host_codename", lambda: "bookworm")
    monkeypatch.setattr(apts, "run", lambda argv, seconds=60: "amd64\n")
    monkeypatch.setenv("http_proxy", "http://proxy.test:3128")

    def made(accept_expired=False, answers=()):
        found = FakeApt("forky", tmp_path, ("main",), accept_expired)
        found.answers = list(answers)
        return found

    return made


def test_apt_writes_nowhere_but_in_its_directory(client, tmp_path):
    client()
    written = (tmp_path / "apt.conf").read_text()
    for name in ("Dir::State", "Dir::State::status", "Dir::Cache", "Dir::Etc::sourcelist", "Dir::Etc::sourceparts"):
        assert f'\n{name} "{tmp_path}/' in written
    assert "#clear APT::Update::Post-Invoke-Success;" in written
    assert 'Acquire::http::Proxy "http://proxy.test:3128";' in written


DUMP = """\
APT::Architecture "amd64";
Acquire::Languages:: "en";
Acquire::http::Proxy "http://cache.test:3142";
Acquire::http::Proxy::mirror.test "DIRECT";
Acquire::https::CaInfo "/etc/ssl/company.pem";
Acquire::http "";
Acquire::Retries "5";
Acquire::Check-Valid-Until "false";
Acquire::IndexTargets::deb::Packages::MetaKey "x";
"""


def test_how_the_host_reaches_its_mirror_is_handed_on(client, monkeypatch):
    found = client()
    told = {"dump": DUMP, "shell": "FILE='/etc/apt/auth.conf'\nPARTS='/etc/apt/auth.conf.d/'\n"}
    monkeypatch.setattr(apts, "run", lambda argv, seconds=60: told[argv[1]])
    assert found.acquire_settings().splitlines() == [
        'Acquire::http::Proxy "http://cache.test:3142";',
        'Acquire::http::Proxy::mirror.test "DIRECT";',
        'Acquire::https::CaInfo "/etc/ssl/company.pem";',
        'Acquire::Retries "5";',
        'Dir::Etc::netrc "/etc/apt/auth.conf";',
        'Dir::Etc::netrcparts "/etc/apt/auth.conf.d/";',
        'Acquire::Check-Valid-Until "true";',
        'Acquire::Check-Date "true";',
    ]


def test_the_users_proxies_count_where_apt_has_none(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://proxy.test:3128")
    monkeypatch.setenv("no_proxy", "mirror.test,.internal")
    monkeypatch.delenv("https_proxy", raising=False)
    mine = ['Acquire::http::Proxy "http://proxy.test:3128";', 'Acquire::http::Proxy::mirror.test "DIRECT";']
    assert apts.environment_proxies("") == mine
    assert apts.environment_proxies('Acquire::http::Proxy "";') == mine
    assert apts.environment_proxies(DUMP) == []


@pytest.mark.parametrize(("accepted", "value"), [(False, "true"), (True, "false")])
def test_a_date_that_has_passed_is_accepted_only_when_asked(client, tmp_path, accepted, value):
    client(accepted)
    written = (tmp_path / "apt.conf").read_text()
    assert f'Acquire::Check-Valid-Until "{value}";' in written
    assert accepted or 'Acquire::Check-Date "true";' in written, "apt checks no end where it checks no date"


def test_the_error_of_an_expired_suite_names_the_option(client):
    said = "E: Release file for http://mirror.test/debian/dists/forky/InRelease is expired (invalid since 17d)."
    with pytest.raises(AptFailed, match=f"forky is past its date; {ACCEPT_EXPIRED} accepts it"):
        client(answers=[said]).update()


def test_a_mirror_without_a_pocket_is_read_without_it(client, tmp_path):
    said = "E: The repository 'https://mirror.test/security forky-security Release' does not have a Release file."
    found = client(answers=[said, None])
    found.update()
    assert "forky-security" not in (tmp_path / "suite.sources").read_text()
    assert "Suites: forky forky-updates" in (tmp_path / "suite.sources").read_text()


def test_a_mirror_without_the_suite_is_an_error(client):
    said = "E: The repository 'http://mirror.test/debian forky Release' does not have a Release file."
    with pytest.raises(AptFailed, match="package lists of forky cannot be read"):
        client(answers=[said]).update()
