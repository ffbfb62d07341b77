"""The pictures of the README, taken of the site of docs/example: `make screenshots`."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PUBLIC, IMAGES = ROOT / "build/example/public", ROOT / "docs/images"
#: Each picture with its page and the size of the window.
PICTURES = {"front.png": ("index.html", 1200, 900), "driver.png": ("driver/overlay2.html", 1200, 900)}
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update", "--force-device-scale-factor=1",
         "--virtual-time-budget=4000")  # fmt: skip
#: Seconds for one picture, and how often one is tried.
DEADLINE, TRIES = 120, 6


def taken(program, page, width, height):
    """A picture of a page, as a browser with a fresh profile has taken it twice in a row.

    On a busy machine Chromium may take one before it has painted the lower end of its window.
    """
    before = b""
    for _ in range(TRIES):
        with tempfile.TemporaryDirectory() as place:
            words = [f"--user-data-dir={place}", f"--window-size={width},{height}", f"--screenshot={place}/picture.png"]
            subprocess.run(
                [program, *FLAGS, *words, page.as_uri()], check=True, timeout=DEADLINE, stdin=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
            found = Path(place, "picture.png").read_bytes()
        if found == before:
            return found
        before = found
    sys.exit(f"{page}: no two of {TRIES} pictures in a row were alike")


def main():
    """Take every picture anew, or say what is missing."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        sys.exit("needs Chromium: apt-get install chromium")
    IMAGES.mkdir(exist_ok=True)
    for name, (page, width, height) in PICTURES.items():
        if not (PUBLIC / page).is_file():
            sys.exit(f"{PUBLIC / page} is not there: make example")
        (IMAGES / name).write_bytes(taken(program, PUBLIC / page, width, height))
        print(f"{IMAGES / name}: {(IMAGES / name).stat().st_size} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
