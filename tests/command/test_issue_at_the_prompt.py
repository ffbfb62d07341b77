"""`roadworthy claims --issue`: an issue of others, from recorded results."""

from asked import DRIVERS, ask, stand


def test_an_issue_is_answered_at_the_prompt(tmp_path, monkeypatch):
    """From the newest recorded results here; an unknown one has its nearest."""
    monkeypatch.chdir(stand(tmp_path, DRIVERS))
    done = ask("claims", "--issue=moby#25409")
    assert done.exit_code == 0
    assert done.stdout.startswith("moby/moby#25409 With overlay, renaming a directory")
    assert "https://github.com/moby/moby/issues/25409" in done.stdout
    assert " on " in done.stdout
    assert "containerd/containerd#13030" in ask("claims", "--issue=all").stdout
    assert ask("claims", "--issue=podman#8005").stdout.startswith("containers/podman#8005 ")
    unknown = ask("claims", "--issue=moby#25408")
    assert unknown.exit_code == 4
    assert "did you mean 'moby/moby#25409'" in unknown.stderr
