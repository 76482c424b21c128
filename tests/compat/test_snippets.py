import json
import runpy
import threading
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from hornbook.compat.bert4keras import snippets
from hornbook.compat.keras.functions import RemovedError

CASES = runpy.run_path(str(Path(__file__).with_name("bert4keras_cases.py")))


@pytest.fixture(scope="module")
def theirs():
    return json.loads(CASES["ANSWERS"].read_text(encoding="utf-8"))


def test_padding_splitting_matching_and_batches_are_those_of_bert4keras(theirs):
    ours = json.loads(json.dumps([*CASES["snippet_answers"](snippets)]))
    assert len(ours) == len(theirs["snippets"])
    for one, other in zip(ours, theirs["snippets"], strict=True):
        assert one == other


def test_samples_are_those_of_bert4keras_and_beams_unless_it_lost_a_better_one(theirs):
    better = 0
    for one, other in zip(CASES["decoder_answers"](snippets), theirs["decoders"], strict=True):
        (ids, score, samples), (their_ids, their_score, their_samples) = one, other
        assert samples == their_samples  # with the same seed
        assert ids == their_ids or score > their_score + 1e-6
        better += ids != their_ids
    assert 0 < better < 15


class Table(snippets.AutoRegressiveDecoder):
    """Has the probabilities of the next id after each id; id 0 starts, id 1 ends."""

    rows = np.array([[0, 0.45, 0.55, 0], [0, 1, 0, 0], [0, 0.16, 0.42, 0.42], [0, 0.2, 0.4, 0.4]])

    @snippets.AutoRegressiveDecoder.wraps("probas", use_states=True)
    def predict(self, inputs, output_ids, states):
        if isinstance(states, dict):  # has the ids of each beam, if it follows the beams
            np.testing.assert_array_equal(states["ids"], output_ids[:, : states["ids"].shape[1]])
            states = {"ids": output_ids.copy(), "step": states["step"] + 1}
        return self.rows[output_ids[:, -1]], states


def test_a_finished_beam_is_kept_until_nothing_can_be_better():
    decoder = Table(start_id=0, end_id=1, maxlen=6)
    assert decoder.beam_search([], topk=2).tolist() == [0, 1]


def test_states_follow_the_beams():
    decoder = Table(start_id=0, end_id=1, maxlen=5)
    states = {"ids": np.zeros((1, 1), int), "step": 0}
    decoder.beam_search([], topk=3, states=states)
    np.random.seed(0)
    assert len(decoder.random_sample([], n=7, states=states)) == 7


def test_probabilities_of_the_user_are_not_modified():
    rows = Table.rows.copy()
    np.random.seed(0)
    Table(start_id=0, end_id=1, maxlen=5).random_sample([], n=3, topk=9, topp=0.5, temperature=0.5)
    np.testing.assert_array_equal(Table.rows, rows)


def test_predict_is_left_to_the_user():
    with pytest.raises(NotImplementedError):
        snippets.AutoRegressiveDecoder(0, 1, 5).predict([], np.zeros((1, 1)))
    with pytest.raises(ValueError, match="Unknown rtype 'x'"):
        Table(0, 1, 5).predict([], np.zeros((1, 1), int), None, 1, "x")


def test_a_generator_without_data_has_no_batches():
    class Batches(snippets.DataGenerator):
        def __iter__(self, random=False):
            for _, item in self.sample(random):
                yield [item], item

    assert list(Batches([]).__iter__(True)) == []
    assert len(Batches([])) == 0
    with pytest.raises(ValueError, match="is the data empty"):
        next(Batches([]).forfit())
    assert next(Batches([3]).fortest()) == [3]
    with pytest.raises(RemovedError, match="MirroredStrategy"):
        Batches([3]).to_dataset(types=None, shapes=None)


def test_viterbi_leaves_the_scores_alone():
    scores = np.random.RandomState(0).randn(5, 3)
    before = scores.copy()
    assert snippets.ViterbiDecoder(np.zeros((3, 3)), starts=[2]).decode(scores)[0] == 2
    np.testing.assert_array_equal(scores, before)


def test_items_are_worked_on_in_processes_by_any_function():
    factor = 3
    square = lambda x: factor * x**2  # noqa: E731
    ordered = snippets.parallel_apply(square, range(20), 2, 3, unordered=False)
    assert ordered == [3 * i**2 for i in range(20)]
    results = []
    snippets.parallel_apply(square, range(5), 2, 3, callback=results.append, dummy=True)
    assert sorted(results) == [3 * i**2 for i in range(5)]
    with pytest.raises(ZeroDivisionError):
        snippets.parallel_apply(lambda x: 1 // x, [1, 0], 1, 3)


def test_lines_are_read_by_number(tmp_path):
    path, index = tmp_path / "lines.txt", tmp_path / "lines.json"
    path.write_bytes("第一\r\nzwei\n\n最后".encode())
    for _ in range(2):
        with snippets.open(path, encoding="utf-8", indexable=str(index)) as lines:
            assert [lines[i] for i in (3, 1, 0)] == ["最后", "zwei\n", "第一\n"]
            assert len(lines) == len(list(lines)) == 4
    assert json.loads(index.read_text()) == [0, 8, 13, 14]
    with snippets.open(path, "w", encoding="utf-8") as file:
        file.write("neu")
    with snippets.open(path, "rb") as file:
        assert file.read() == b"neu"


def test_functions_are_served():
    web = snippets.WebServing(host="127.0.0.1", port=0)
    arguments = {"text": (None, True), "n": (int, False)}
    web.route("/repeat", lambda text, n=2: text * n, arguments)
    web.route("/repeat", lambda text, n=2: text * n, arguments, method="POST")
    with web.server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/repeat"

        def ask(query, data=None):
            with urllib.request.urlopen(address + query, data, timeout=10) as reply:
                return json.loads(reply.read())

        good = {"code": 0, "desc": "succeeded", "data": "好好好"}
        assert ask("?text=%E5%A5%BD&n=3") == good
        assert ask("", b"text=%E5%A5%BD&n=3") == good
        assert ask("?n=3") == {"code": 1, "desc": 'lack of "text" argument', "data": {}}
        assert ask("?text=a&n=x")["code"] == 2
        server.shutdown()


def test_small_functions():
    assert snippets.strQ2B("ＡＢ！\u3000中") == "AB! 中"
    assert snippets.lowercase_and_normalize("ÉCOLE") == "ecole"
    assert snippets.convert_to_unicode("好".encode()) == snippets.convert_to_str("好") == "好"
    assert [snippets.is_string(one) for one in ("a", b"a")] == [True, False]
    assert snippets.string_matching("Transformer-0-Norm", ["bias", "No.m"])
    assert not snippets.is_one_of([], [[]])
    assert snippets.to_array([1], [2])[1].tolist() == snippets.to_array([2]).tolist() == [2]


def test_arguments_are_added_and_refused():
    class Base:
        def __init__(self, a=0):
            self.a = a

    class More(Base):
        @snippets.insert_arguments(b=1)
        @snippets.delete_arguments("a")
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)

    assert (More(b=2).b, More().b) == (2, 1)
    with pytest.raises(TypeError, match="More has no argument 'a'"):
        More(a=1)
