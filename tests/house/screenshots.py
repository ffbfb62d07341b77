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
#: Seconds for one picture.
DEADLINE = 120


def main():
    """Take every picture anew, or say what is missing."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        sys.exit("needs Chromium: apt-get install chromium")
    IMAGES.mkdir(exist_ok=True)
    for name, (page, width, height) in PICTURES.items():
        if not (PUBLIC / page).is_file():
            sys.exit(f"{PUBLIC / page} is not there: make example")
        with tempfile.TemporaryDirectory() as profile:
            words = [f"--user-data-dir={profile}", f"--window-size={width},{height}", f"--screenshot={IMAGES / name}"]
            subprocess.run(
                [program, *FLAGS, *words, (PUBLIC / page).as_uri()], check=True, timeout=DEADLINE,
                stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        print(f"{IMAGES / name}: {(IMAGES / name).stat().st_size} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
