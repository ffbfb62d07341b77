"""What a guest's console says about its kernel's health.

The worst finding counts, in the order of `FINDINGS`, whatever came first: a hung task that ends in a panic is a panic.
Kernel messages begin with a timestamp, and only such lines count, so that a program that prints "BUG:" to the console
is not taken for the kernel. Words of the lists are those of the kernel's own sources (kernel/panic.c, lib/bug.c,
mm/kasan/report.c, kernel/hung_task.c, kernel/watchdog.c, kernel/rcu/tree_stall.h).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

#: Bytes of console text that go into a verdict's evidence.
EXCERPT_LIMIT = 16 * 1024
#: Lines that are kept before the first finding, to show what led to it.
LINES_BEFORE = 3

Outcome = Literal["crash", "hang", "error"]

STAMP = re.compile(r"^(?:<\d+>)?\[ *\d+\.\d+\](?:\[[ TC]*\d+\])? ?")
#: The name of a finding, its verdict, and the words of the kernel; the worst first.
FINDINGS: tuple[tuple[str, Outcome, re.Pattern[str]], ...] = (
    ("panic", "crash", re.compile(r"^Kernel panic - not syncing")),
    ("oops", "crash", re.compile(
        r"^(?:kernel BUG at |BUG: (?!workqueue lockup|soft lockup|K[A-Z]+: )|Oops: |Oops#|general protection fault"
        r"|Unable to handle kernel |divide error: |stack segment: |invalid opcode: |int3: |PANIC: |VERIFY\d?\()"
    )),
    ("sanitizer", "crash", re.compile(r"^(?:BUG: )?(?:KASAN|KFENCE|KCSAN|UBSAN|KMSAN): ")),
    ("stuck", "hang", re.compile(
        r"blocked for more than \d+ seconds|watchdog: BUG: soft lockup|BUG: soft lockup|BUG: workqueue lockup"
        r"|Watchdog detected hard LOCKUP|rcu\w*: INFO: rcu\w* (?:self-)?detected|detected stalls on CPUs"
        r"|self-detected stall|task \S+ blocked"
    )),
    ("warning", "crash", re.compile(r"^-+\[ cut here \]-+$|^WARNING: (?:CPU: \d+|possible |suspicious )")),
    ("file system", "crash", re.compile(
        r"^(?:EXT4-fs error|EXT4-fs \(\S+\): .*[Cc]orrupt|XFS \(\S+\): .*(?:[Cc]orruption|Internal error)"
        r"|BTRFS (?:critical|error)|device-mapper: .*switching pool to (?:read-only|failure))"
    )),
    ("device", "error", re.compile(r"I/O error, dev |^Buffer I/O error on dev ")),
)  # fmt: skip
#: Lines that have such words although nothing is wrong with the kernel.
LOOKALIKES = re.compile(r"ODEBUG|FAULT_INJECTION|Booted with|kasan: KernelAddressSanitizer initialized")
#: The last words of our initramfs and of our init.
OURS = re.compile(r"^roadworthy(?:-initramfs)?: (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Finding:
    """The worst finding of a console. `name` is one of FINDINGS; `excerpt` begins a little before the first finding."""

    name: str
    outcome: Outcome
    line: str
    excerpt: str


def kernel_line(line: str) -> str | None:
    """The message of a line that the kernel wrote, without its timestamp; None for any other line."""
    stamp = STAMP.match(line)
    return line[stamp.end() :].rstrip() if stamp else None


def finding(text: str) -> Finding | None:
    """The worst finding of a console's text, or None if nothing is wrong with the kernel."""
    lines = text.replace("\r", "").splitlines()
    messages = [kernel_line(line) for line in lines]
    for name, outcome, words in FINDINGS:
        for at, message in enumerate(messages):
            if message and words.search(message) and not LOOKALIKES.search(message):
                return Finding(name, outcome, message, excerpt(lines, first_sign(messages, at)))
    return None


def first_sign(messages: list[str | None], at: int) -> int:
    """The first line of any finding up to `at`, so that a panic's excerpt begins with the oops that caused it."""
    for earlier, message in enumerate(messages[:at]):
        if message and not LOOKALIKES.search(message) and any(words.search(message) for _, _, words in FINDINGS):
            return earlier
    return at


def excerpt(lines: list[str], at: int) -> str:
    """The text from a little before line `at`, cut at EXCERPT_LIMIT bytes."""
    whole = "\n".join(lines[max(0, at - LINES_BEFORE) :])
    return whole.encode()[:EXCERPT_LIMIT].decode(errors="ignore")


def last_words(text: str, count: int = 20) -> str:
    """Why the guest's own init failed, in its words, or else the console's last `count` lines."""
    said = OURS.findall(text.replace("\r", ""))
    return str(said[-1]) if said else "\n".join(text.replace("\r", "").strip().splitlines()[-count:])
