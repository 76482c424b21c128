import hashlib
import sys

import numpy as np
import pytest

from hornbook.data.corpus.deduplication import Finder, check_kind, find_duplicates, near_marks
from hornbook.errors import MissingExtraError, OptionError

WORDS = [f"word{n}" for n in range(400)]


def article(seed, changes=0):
    random = np.random.default_rng(seed)
    words = [WORDS[n] for n in random.integers(0, len(WORDS), 200)]
    for place in range(changes):
        words[place * 10] = "changed"
    return " ".join(words)


def duplicates_of(texts, kind):
    duplicates = find_duplicates([texts[:3], texts[3:]], kind, workers=0, quiet=True)
    return duplicates.numbers.tolist(), duplicates.exact, duplicates.near


def test_documents_that_differ_only_in_white_space_are_duplicates():
    texts = ["今天 天气", "b", "今天天气\n", "B", "b", ""]
    assert duplicates_of(texts, "exact") == ([2, 4], 2, 0)


def test_documents_that_share_most_runs_of_words_are_near_duplicates():
    pytest.importorskip("datasketch", reason="datasketch is not installed")
    texts = [article(0), article(1), article(0, 1), article(2), article(0), article(0, 20), "词"]
    # one changed word of 200 touches 5 runs: 191 of 201 are shared; twenty leave half of them
    assert duplicates_of(texts, "near") == ([2, 4], 1, 1)
    assert duplicates_of([article(n) for n in range(30)], "near") == ([], 0, 0)


def test_chinese_documents_are_compared_by_characters():
    pytest.importorskip("datasketch", reason="datasketch is not installed")
    text = "".join(chr(0x4E00 + n) for n in np.random.default_rng(0).integers(0, 3000, 300))
    assert duplicates_of([text, text[:150] + "好" + text[150:], text[::-1], text[:40]], "near")[
        0
    ] == [1]


def test_an_unknown_kind_of_deduplication_is_refused():
    with pytest.raises(OptionError, match="Known: exact, near"):
        find_duplicates([], "yes", workers=0)


def test_only_near_duplicates_need_datasketch(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasketch", None)  # as if it were not installed
    check_kind("exact")
    with pytest.raises(MissingExtraError, match="datasketch"):
        check_kind("near")


@pytest.mark.parametrize(("changes", "is_near"), [(25, True), (26, False)])
def test_near_documents_share_at_least_80_percent_of_their_128_hashes(changes, is_near):
    pytest.importorskip("datasketch", reason="datasketch is not installed")
    hashes = np.arange(128, dtype=np.uint32)
    other = hashes.copy()
    other[-changes:] += 1000  # at the end: the first bands are equal, so that both are compared
    finder = Finder("near")
    finder.add([(b"1", hashes), (b"2", other)])
    assert finder.near == is_near


def test_a_document_is_hashed_by_runs_of_five_words():
    library = pytest.importorskip("datasketch", reason="datasketch is not installed")
    expected = library.MinHash(num_perm=128, hashfunc=int)
    for run in ("a b c d e", "b c d e f"):
        digest = hashlib.blake2b(run.replace(" ", "\0").encode(), digest_size=4).digest()
        expected.update(int.from_bytes(digest, "little"))
    [(_, hashes)] = near_marks(["a b c d e f"])
    np.testing.assert_array_equal(hashes, expected.hashvalues)
