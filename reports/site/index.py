"""What is known of all editions, in one SQLite file, so that a further edition costs the reading of that edition only.

Only what may be published gets into it. It is a cache: everything in it can be read again from the bundles, and a file
that another release made, or that a killed process left, is begun anew.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import operator
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from roadworthy.reports.bundle import Bundle
from roadworthy.reports.environment import Environment
from roadworthy.reports.records import Verdict
from roadworthy.reports.redaction import Redaction
from roadworthy.reports.series import Key, Night, Series
from roadworthy.reports.site.editions import Edition, Found
from roadworthy.reports.site.history import History, State
from roadworthy.reports.site.newest import function
from roadworthy.reports.site.reading import Cell, Read
from roadworthy.reports.site.release import suite
from roadworthy.reports.site.slim import packed, unpacked
from roadworthy.reports.text import visible
from roadworthy.reports.transitions import Transition, between, ordered

#: Changes with the tables, and with what is put into them.
FORMAT = "1"
_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE edition (number INTEGER PRIMARY KEY, name TEXT NOT NULL, print TEXT NOT NULL, value BLOB NOT NULL);
CREATE TABLE name (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE ran (edition INTEGER, lane INTEGER, PRIMARY KEY (edition, lane)) WITHOUT ROWID;
CREATE TABLE state (
    lane INTEGER, test INTEGER, edition INTEGER, verdict TEXT, wavering INTEGER, PRIMARY KEY (lane, test, edition)
) WITHOUT ROWID;
CREATE TABLE change (edition INTEGER, value BLOB NOT NULL);
CREATE TABLE bundle (edition INTEGER, file TEXT, bundle BLOB, places BLOB, PRIMARY KEY (edition, file));
CREATE TABLE environment (id INTEGER PRIMARY KEY, value TEXT NOT NULL UNIQUE);
CREATE TABLE number (
    kind TEXT, benchmark TEXT, lane TEXT, metric TEXT, unit TEXT, edition INTEGER, tolerance REAL, run TEXT,
    started TEXT, value REAL, low REAL, high REAL, environment INTEGER, withheld TEXT
);
CREATE INDEX by_series ON number (kind, benchmark, lane, metric, unit, edition);
"""
_PER_EDITION = ("ran", "state", "change", "bundle", "number")


class Index:
    """The index in one file, which is made if it is not there. Use it in a `with` block."""

    def __init__(self, path: Path | None, redact: Redaction) -> None:
        """An index that hides anything but what `redact` does is begun anew. Without a path it is in memory only."""
        self._redact = redact
        self._shared: dict[tuple[State, ...], tuple[State, ...]] = {}
        wanted = json.dumps([FORMAT, suite(), redact.digest])
        if path and not _usable(path, wanted):
            path.unlink(missing_ok=True)
        new = path is None or not path.exists()
        self._db = _connected(path)
        if new:
            self._db.executescript(_TABLES)
            self._db.execute("INSERT INTO meta VALUES ('made for', ?)", [wanted])
        # Without this mark nobody trusts the file, so nothing of it has to reach the disk before the next statement.
        self._db.execute("DELETE FROM meta WHERE key = 'whole'")
        self._names = dict(self._db.execute("SELECT name, id FROM name"))
        self._ran, self._states = self._loaded()

    def __enter__(self) -> Index:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._db.execute("INSERT INTO meta VALUES ('whole', '')")
        self._db.close()

    def known(self) -> list[tuple[str, str]]:
        """The editions in the index with the print of their files, the oldest first."""
        return list(self._db.execute("SELECT name, print FROM edition ORDER BY number"))

    def forget_from(self, number: int) -> None:
        """Forget an edition and all that follow it."""
        for table in _PER_EDITION:
            self._db.execute(f"DELETE FROM {table} WHERE edition >= ?", [number])
        self._db.execute("DELETE FROM edition WHERE number >= ?", [number])
        self._ran, self._states = self._loaded()

    def add(self, found: Found, read: Read) -> None:
        """Add an edition after all others, with those of its bundles that were read whole."""
        number = len(self.known())
        self._db.execute("BEGIN")
        value = msgspec.json.encode(read.edition)
        self._db.execute("INSERT INTO edition VALUES (?, ?, ?, ?)", [number, found.name, found.print, value])
        rows = [(number, self._id(lane)) for lane in read.asked]
        self._db.executemany("INSERT INTO ran VALUES (?, ?)", rows)
        changes = self._changes(number, read) if number else []
        values = [(number, msgspec.json.encode(one)) for one in changes]
        self._db.executemany("INSERT INTO change VALUES (?, ?)", values)
        self._enter(number, read)
        self._numbers(number, read.series)
        self._db.execute("COMMIT")
        for bundle in read.bundles:
            self.keep(number, bundle)

    def _enter(self, number: int, read: Read) -> None:
        """Enter the states that are new in an edition."""
        now: dict[Cell, tuple[Verdict | None, bool]] = {cell: (one[0], one[1]) for cell, one in read.cells.items()}
        now.update(dict.fromkeys(read.unreported, ("missing", False)))
        for lane in read.asked:
            self._ran.setdefault(lane, []).append(number)
            for check in self._states.get(lane, ()):  # asked of this lane before, and perhaps not now
                now.setdefault((lane, check), (None, False))
        rows: list[tuple[int, int, int, Verdict | None, bool]] = []
        for (lane, check), (verdict, wavering) in now.items():
            known = self._states.setdefault(lane, {})
            states = known.get(check, ())
            if not states or (states[-1].verdict, states[-1].wavering) != (verdict, wavering):
                known[check] = self._alike((*states, State(number, verdict, wavering)))
                rows.append((self._id(lane), self._id(check), number, verdict, wavering))
        self._db.executemany("INSERT INTO state VALUES (?, ?, ?, ?, ?)", sorted(rows, key=operator.itemgetter(0, 1, 2)))

    def _alike(self, states: tuple[State, ...]) -> tuple[State, ...]:
        """One value for the many cells that were alike through all editions."""
        return self._shared.setdefault(states, states)

    def _changes(self, number: int, read: Read) -> list[Transition]:
        """What changed since each cell was asked the last time.

        A lane is gone if it was up in the edition before, and a check if this edition asks others of its family: an
        edition may be a part of the suite only.
        """
        up = set(read.up)
        families = {(lane, family(check)) for lane, check in (*read.cells, *read.unreported)}
        had = {}
        for lane in up:
            for check, states in self._states.get(lane, {}).items():
                asked = (lane, check) in read.cells or (lane, check) in read.unreported
                gone = not asked and states[-1].verdict is not None and (lane, family(check)) in families
                if (asked or gone) and (verdict := _reported(states)):
                    had[lane, check] = verdict
        missed = {lane: read.down.get(lane, "") for lane, ran in self._ran.items()
                  if lane not in up and ran[-1] == number - 1}  # fmt: skip
        has = {cell: (verdict, reason) for cell, (verdict, _, reason) in read.cells.items()}
        found = between(had, has, read.unreported, self._ran.keys(), read.up, missed)
        return ordered(dataclasses.replace(one, reason=visible(self._redact(one.reason))) for one in found)

    def _numbers(self, number: int, every: Sequence[Series]) -> None:
        known: dict[str, int] = {}
        rows = []
        for one in every:
            for night in one.nights:
                text = json.dumps(night.environment, sort_keys=True)
                if text not in known:
                    self._db.execute("INSERT OR IGNORE INTO environment (value) VALUES (?)", [text])
                    known[text] = self._db.execute("SELECT id FROM environment WHERE value = ?", [text]).fetchone()[0]
                rows.append(
                    (one.kind, one.benchmark, one.lane, one.metric, one.unit, number, one.tolerance, night.run,
                     night.started, night.value, night.low, night.high, known[text], night.withheld)
                )  # fmt: skip
        self._db.executemany(f"INSERT INTO number VALUES ({', '.join('?' * 14)})", rows)

    def _id(self, name: str) -> int:
        found = self._names.get(name)
        if found is None:
            found = self._names[name] = len(self._names) + 1
            self._db.execute("INSERT INTO name VALUES (?, ?)", [found, name])
        return found

    def keep(self, number: int, bundle: Bundle) -> None:
        """Keep a slim bundle of an edition."""
        self._db.execute("INSERT OR REPLACE INTO bundle VALUES (?, ?, ?, ?)", [number, bundle.file, *packed(bundle)])

    def drop_bundles(self, wanted: Iterable[int]) -> None:
        """Drop the bundles of all editions but these."""
        numbers = ", ".join(map(str, wanted))
        self._db.execute(f"DELETE FROM bundle WHERE edition NOT IN ({numbers})")

    def bundles(self, number: int) -> list[Bundle]:
        """The slim bundles of an edition; none if they are not kept."""
        rows = self._db.execute("SELECT bundle, places FROM bundle WHERE edition = ? ORDER BY file", [number])
        return [unpacked(*row) for row in rows]

    def editions(self) -> tuple[Edition, ...]:
        """All editions, the oldest first."""
        rows = self._db.execute("SELECT value FROM edition ORDER BY number")
        return tuple(msgspec.json.decode(value, type=Edition) for (value,) in rows)

    def changes(self) -> dict[str, tuple[Transition, ...]]:
        """The changes of each edition, the most urgent first."""
        found: dict[str, list[Transition]] = {name: [] for name, _ in self.known()}
        rows = self._db.execute("SELECT name, change.value FROM change JOIN edition ON number = edition "
                                "ORDER BY edition, change.rowid")  # fmt: skip
        for name, value in rows:
            found[name].append(msgspec.json.decode(value, type=Transition))
        return {name: tuple(changes) for name, changes in found.items()}

    def history(self) -> History:
        """The states of all cells."""
        return History(tuple(name for name, _ in self.known()), self._ran, self._states)

    def _loaded(self) -> tuple[dict[str, list[int]], dict[str, dict[str, tuple[State, ...]]]]:
        names = {number: name for name, number in self._names.items()}
        ran: dict[str, list[int]] = {}
        for lane, edition in self._db.execute("SELECT lane, edition FROM ran ORDER BY edition, lane"):
            ran.setdefault(names[lane], []).append(edition)
        states: dict[str, dict[str, tuple[State, ...]]] = {}
        for lane, check, found in self._cells():
            states.setdefault(names[lane], {})[names[check]] = self._alike(found)
        return ran, states

    def _cells(self) -> Iterator[tuple[int, int, tuple[State, ...]]]:
        rows = self._db.execute("SELECT lane, test, edition, verdict, wavering FROM state ORDER BY lane, test, edition")
        known: dict[tuple[int, Verdict | None, int], State] = {}
        cell: tuple[int, int] | None = None
        found: list[State] = []
        for lane, check, *values in rows:
            if cell != (lane, check):
                if cell:
                    yield *cell, tuple(found)
                cell, found = (lane, check), []
            key = (values[0], values[1], values[2])
            state = known.get(key)
            if state is None:
                state = known[key] = State(values[0], values[1], bool(values[2]))
            found.append(state)
        if cell:
            yield *cell, tuple(found)

    def measured(self) -> dict[tuple[str, str], int]:
        """For each lane and benchmark, whatever its strata and points, the newest edition that measured it."""
        found: dict[tuple[str, str], int] = {}
        for lane, benchmark, edition in self._db.execute(
            "SELECT lane, benchmark, MAX(edition) FROM number GROUP BY lane, benchmark"
        ):
            key = (lane, function(benchmark))
            found[key] = max(edition, found.get(key, 0))
        return found

    def series(self) -> tuple[Series, ...]:
        """The numbers of all editions, as series."""
        environments: dict[int, Environment] = {
            number: json.loads(value) for number, value in self._db.execute("SELECT id, value FROM environment")
        }
        nights: dict[Key, list[Night]] = {}
        tolerances: dict[Key, float] = {}
        rows = self._db.execute(
            "SELECT kind, benchmark, lane, metric, unit, tolerance, run, started, value, low, high, environment, "
            "withheld FROM number ORDER BY kind, benchmark, lane, metric, unit, edition, number.rowid"
        )
        for row in rows:
            key: Key = (row[0], row[1], row[2], row[3], row[4])
            tolerances[key], run, started, value, low, high, environment, withheld = row[5:]
            night = Night(run, started, value, low, high, environments[environment], withheld)
            nights.setdefault(key, []).append(night)
        return tuple(Series(*key, tolerances[key], tuple(found)) for key, found in nights.items())


def _connected(path: Path | None) -> sqlite3.Connection:
    found = sqlite3.connect(path or ":memory:", isolation_level=None)
    found.execute("PRAGMA journal_mode = OFF")
    found.execute("PRAGMA synchronous = OFF")
    return found


def _usable(path: Path, wanted: str) -> bool:
    if not path.is_file() or path.is_symlink():
        return False
    try:
        with contextlib.closing(_connected(path)) as found:
            rows = dict(found.execute("SELECT key, value FROM meta"))
    except sqlite3.DatabaseError:
        return False
    return "whole" in rows and rows.get("made for") == wanted


def _reported(states: Sequence[State]) -> Verdict | None:
    """The last verdict that a cell reported; None if it never did."""
    return next((state.verdict for state in reversed(states) if state.verdict not in (None, "missing")), None)


def family(check: str) -> str:
    return check.partition("/")[0]
