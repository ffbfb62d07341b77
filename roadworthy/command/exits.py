"""The exit statuses of all commands, in one place: what each number says, whatever the command."""

from __future__ import annotations

import signal

#: The answer is there, and nothing is wrong.
GOOD = 0
#: The answer is there, and something is wrong: a break, a difference, a verdict by which a run fails.
FOUND = 1
#: There is no answer: nothing could be asked, or not all of it.
NO_ANSWER = 3
#: A mistake on the command line, as pytest's own status for it.
MISTAKE = 4
#: SIGINT ended the command, as a shell says of a program.
INTERRUPTED = 128 + signal.SIGINT

MEANING = {
    GOOD: "the command has done what it was asked, and found nothing wrong",
    FOUND: "it found something wrong: a break, a difference, damage, a part that failed, a bundle that cannot be read",
    NO_ANSWER: "it has no answer: what it needs is not here, was not measured, or could not be compared",
    MISTAKE: "a mistake on the command line; the message names the nearest right word",
    INTERRUPTED: "it was interrupted",
}
