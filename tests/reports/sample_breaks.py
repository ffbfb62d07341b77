"""Checks with every verdict on a faked lane, most with two system calls, and the deviations recorded for them."""

RECORDED = """
["sample/known"]
when = { driver = ["overlay2"] }
signature = "assert 'EXDEV' == 'success'"
why = "no redirect"
source = "https://docs.kernel.org/filesystems/overlayfs.html, and a talk"

["sample/fixed"]
when = { driver = ["overlay2"] }
signature = "assert 'EXDEV' == 'success'"
why = "no redirect"
source = "a document"
"""

CHECKS = """
from roadworthy.calls.exchange import CallHung
from roadworthy.engines.engine import EngineFailed
from roadworthy.reasons import Precondition

def sample(name, word="EXDEV", outcome=None):
    @check(f"sample/{name}", source="POSIX.1-2017, rename()")
    def test(declaration_of, evidence, observe):
        '''A directory can be renamed.'''
        evidence.record("A", "getpid()", "7", False, 0.002)
        evidence.record("B", "rename('a', 'b')", "None" if word == "success" else word, word != "success", 0.001)
        if outcome is not None:
            raise outcome
        seen = observe("outcome", word)
        assert seen == "success"
    return test

test_pass = sample("pass", "success")
test_fail = sample("fail")
test_known = sample("known")
test_fixed = sample("fixed", "success")
test_hang = sample("hang", "it was not answered", CallHung("rename('a', 'b') did not return within 30 s"))
test_error = sample("error", outcome=EngineFailed("the daemon ended"))
test_skipped = sample("skipped", outcome=Precondition("needs fio"))
test_unsupported = needs(SIZE_LIMIT)(sample("unsupported"))

@check("sample/several", provenance=("lower", "upper"))
def test_several(declaration_of):
    '''It holds.'''
    assert declaration_of
"""
