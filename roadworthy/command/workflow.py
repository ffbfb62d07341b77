"""`roadworthy workflow`: a night of lanes in a CI system, from one table of steps.

GitHub and GitLab differ in how they name jobs and hand files on. What is done is shell that both have alike, so that it
can be run on any machine, in order, as a test does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click

from roadworthy.command.jobs import quoted

#: What each step does, for sh. The variables are those of VARIABLES, and of a lane's job: ARGUMENTS and NAME.
STEPS: Mapping[str, str] = {
    # First of all: a checkout is one of git only where there is git.
    "tools": """\
apt-get update -qq
apt-get install -qq -y git make python3 python3-venv
""",
    "install": """\
make packages test-packages .venv/ready
""",
    "plan": """\
. .venv/bin/activate
roadworthy lanes --matrix="$MATRIX" --format="$FORMAT" >lanes.yml
cat lanes.yml
""",
    # A lane that fails is a result, and the comparison with the night before says whether it is news. What is not a
    # result is a run that could not be made: a usage error, or nothing collected.
    "lane": """\
. .venv/bin/activate
status=0
eval "set -- $ARGUMENTS $SELECT"
roadworthy run "$@" --allow-missing --bundle="night/$NAME" || status=$?
[ "$status" -le 1 ]
""",
    # What is kept from night to night is what may be published: a bundle says more of its machine than a page does.
    "publish": """\
. .venv/bin/activate
mkdir -p "$BUNDLES"
status=0
for bundle in night/*/; do
    kept="$BUNDLES/$DATE/$(basename "$bundle")"
    roadworthy merge "$bundle" --published --allow-truncated --output "$kept" || status=$?
done
before=$(ls -d "$BUNDLES"/*/ | grep -v "/$DATE/" | tail -n 1 || true)
roadworthy site "$BUNDLES" --out "$PUBLIC" || status=$?
{
    echo "## Storage drivers, $DATE"
    if missing=$(roadworthy lanes --matrix="$MATRIX" --reported="$BUNDLES/$DATE"); then :; else
        status=1
        printf '\\n### lanes that never reported\\n\\n'
        echo "$missing" | sed 's/.*/- `&`/'
    fi
    echo
    if [ -n "$before" ]; then roadworthy diff "$before" "$BUNDLES/$DATE" --allow-truncated --markdown || status=$?
    else echo "There is no run before this one."; fi
} >summary.md
cat summary.md
echo "$status" >status
""",
    "verdict": """\
exit "$(cat status)"
""",
}
#: The variables of all steps, each with its value in a workflow and what it is.
VARIABLES: Mapping[str, tuple[str, str]] = {
    "MATRIX": ("matrices/nightly.toml", "the matrix file that names the lanes"),
    "SELECT": ("", "further options of pytest, as -m 'not slow'; nothing runs every check"),
    "BUNDLES": ("kept/bundles", "the directory that keeps the bundles of every night, as they may be published"),
    "PUBLIC": ("kept/docs", "the directory of the site"),
}
#: GitLab publishes one directory, and no other.
ON_GITLAB: Mapping[str, str] = {"BUNDLES": "bundles", "PUBLIC": "public"}
IMAGE = "debian:12"
#: The step that names this night, before all others that need DATE.
TODAY = "export DATE=${DATE:-$(date -u +%F)}\n"


def github() -> str:
    """A workflow of GitHub Actions."""
    lines = [
        "name: nightly", "on:", "  schedule:", '    - cron: "17 1 * * *"', "  workflow_dispatch:", "  pull_request:",
        "permissions:", "  contents: write", "  pull-requests: write", "env:",
        *(f"  {name}: {quoted(value)}  # {what}" for name, (value, what) in VARIABLES.items()),
        "jobs:",
        *github_job("plan", [], "    outputs:\n      lanes: ${{ steps.plan.outputs.lanes }}"),
        *github_step("install"),
        *github_step("plan", "id: plan", "env:\n  FORMAT: github",
                     after='echo "lanes=$(cat lanes.yml)" >>"$GITHUB_OUTPUT"\n'),
        *github_job("lane", ["plan"],
                    "    name: ${{ matrix.lane }}\n    timeout-minutes: 350\n    strategy:\n      fail-fast: false\n"
                    "      matrix: ${{ fromJSON(needs.plan.outputs.lanes) }}"),
        *github_uses("actions/cache@v4", path="/var/cache/roadworthy", key="roadworthy-${{ github.run_id }}",
                     **{"restore-keys": "roadworthy-"}),
        *github_step("install"),
        *github_step("lane", "env:\n  ARGUMENTS: ${{ matrix.arguments }}\n  NAME: ${{ matrix.name }}"),
        *github_uses("actions/upload-artifact@v4", "if: always()", name="night-${{ matrix.name }}", path="night"),
        *github_job("publish", ["plan", "lane"], "    if: always() && needs.plan.result == 'success'"),
        *github_uses("actions/checkout@v4", "continue-on-error: true", ref="pages", path="kept"),
        *github_uses("actions/download-artifact@v4", path="night", pattern="night-*", **{"merge-multiple": "true"}),
        *github_step("install"),
        *github_step("publish", before=TODAY),
        *github_step(
            "keep", "if: github.event_name != 'pull_request'",
            # The index of the site is made anew from the bundles; it would only make the branch large.
            text="cd kept\n[ -d .git ] || git init -q -b pages\ngit config --global --add safe.directory \"$PWD\"\n"
            "echo docs/.index.sqlite >>.git/info/exclude\ngit add -A\n"
            "git -c user.name=roadworthy -c user.email=roadworthy@localhost commit -q -m \"The night\"\n"
            'git push -q "https://x-access-token:${{ github.token }}@${GITHUB_SERVER_URL#https://}/$GITHUB_REPOSITORY" '
            "HEAD:pages\n",
        ),
        *github_step(
            "comment", "if: github.event_name == 'pull_request'", "continue-on-error: true",
            "env:\n  GH_TOKEN: ${{ github.token }}",
            text="apt-get install -qq -y gh\n"
            'gh pr comment "${{ github.event.number }}" --repo "$GITHUB_REPOSITORY" --body-file summary.md\n',
        ),
        *github_step("verdict"),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def github_job(name: str, needs: Sequence[str], more: str) -> list[str]:
    waits = [f"    needs: [{', '.join(needs)}]"] if needs else []
    return [
        f"  {name}:", *waits, more, "    runs-on: ubuntu-24.04", "    container:", f"      image: {IMAGE}",
        "      options: --privileged --volume=/dev:/dev", "    defaults:", "      run:", "        shell: sh -e {0}",
        "    steps:", *github_step("tools"), *github_uses("actions/checkout@v4"),
    ]  # fmt: skip


def github_uses(action: str, *more: str, **given: str) -> list[str]:
    lines = [f"      - uses: {action}", *(f"        {line}" for line in more)]
    if given:
        lines += ["        with:", *(f"          {name}: {quoted(value)}" for name, value in given.items())]
    return lines


def github_step(name: str, *more: str, text: str = "", before: str = "", after: str = "") -> list[str]:
    keys = [f"        {line}" for block in more for line in block.splitlines()]
    shell = before + (text or STEPS[name]) + after
    return [
        f"      - name: {name}",
        *keys,
        "        run: |",
        *(f"          {line}".rstrip() for line in shell.splitlines()),
    ]


def gitlab() -> str:
    """A pipeline of GitLab CI: the plan's job writes a child pipeline with a job a lane."""
    lines = [
        "stages: [plan, night, publish]", "variables:",
        *(f"  {name}: {quoted(ON_GITLAB.get(name, value))}  # {what}" for name, (value, what) in VARIABLES.items()),
        f"default:\n  image: {IMAGE}",
        "plan:", "  stage: plan", "  variables:", "    FORMAT: gitlab", "  script:",
        *gitlab_script("tools", "install", "plan"), "  artifacts:", "    paths: [lanes.yml]",
        "night:", "  stage: night", "  needs: [plan]", "  trigger:", "    strategy: depend", "    include:",
        "      - artifact: lanes.yml", "        job: plan",
        "pages:", "  stage: publish", "  when: always", "  script:",
        *gitlab_script("tools", "install"), *gitlab_block(TODAY + STEPS["publish"] + STEPS["verdict"]),
        "  cache:", "    key: pages", "    paths: [bundles, public]", "    when: always",
        "  artifacts:", "    when: always", "    paths: [public, summary.md]",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def gitlab_lane() -> str:
    """The file that the child pipeline includes: what a lane's job does. Its runner has to be privileged."""
    lines = [
        ".roadworthy-lane:", f"  image: {IMAGE}", "  tags: [privileged]", "  timeout: 6h", "  script:",
        *gitlab_script("tools", "install", "lane"), "  artifacts:", "    when: always", "    paths: [night]",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def gitlab_script(*names: str) -> list[str]:
    return [line for name in names for line in gitlab_block(STEPS[name])]


def gitlab_block(text: str) -> list[str]:
    return ["    - |", *(f"      {line}".rstrip() for line in text.splitlines())]


#: The files of each CI system, by the path at which it looks for them.
FILES: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "github": {".github/workflows/nightly.yml": github},
    "gitlab": {".gitlab-ci.yml": gitlab, ".gitlab/roadworthy-lane.yml": gitlab_lane},
}


@click.command()
@click.argument("system", type=click.Choice([*FILES]))
@click.option("--write", is_flag=True, help="Write the files below the working directory, in place of printing them.")
def workflow(system: str, write: bool) -> None:
    """Print the files with which a fork of this repository runs a night of lanes in GitHub Actions or GitLab CI.

    A job plans the lanes of matrices/nightly.toml, each lane is a job, and the last job adds the night to a site of all
    nights, says which planned lanes never reported and what changed since the run before, and fails on new failures
    only.
    """
    for name, made in FILES[system].items():
        if write:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(made())
            click.echo(name)
        else:
            click.echo(f"# {name}\n{made()}")
