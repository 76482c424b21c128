import numpy as np
import pytest

from hornbook.report.charts.force_layout import place_nodes


def random_network(nodes, edges, seed):
    random = np.random.default_rng(seed)
    boxes = np.stack([random.uniform(30, 140, nodes), np.full(nodes, 26.0)], 1)
    return boxes, random.integers(0, nodes, (edges, 2))


@pytest.mark.parametrize(("nodes", "edges"), [(1, 0), (2, 1), (5, 0), (14, 22), (60, 90)])
def test_no_two_boxes_touch(nodes, edges):
    boxes, pairs = random_network(nodes, edges, seed=nodes)
    places = place_nodes(boxes, pairs, widest=880)
    assert np.isfinite(places).all()
    for i in range(nodes):
        for j in range(i):
            distance = np.abs(places[i] - places[j]) - (boxes[i] + boxes[j]) / 2
            assert distance.max() > 10, (i, j)


def test_the_same_network_always_looks_the_same():
    boxes, pairs = random_network(20, 30, seed=1)
    first, second = (place_nodes(boxes, pairs, widest=880) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_the_layout_starts_at_the_upper_left_corner():
    boxes, pairs = random_network(9, 12, seed=2)
    places = place_nodes(boxes, pairs, widest=880)
    np.testing.assert_allclose((places - boxes / 2).min(axis=0), 0, atol=1e-9)


def test_connected_nodes_are_nearer_than_others():
    boxes = np.full((12, 2), 26.0)
    pairs = np.array(
        [(a, b) for group in (0, 6) for a in range(group, group + 6) for b in range(group, a)]
    )
    places = place_nodes(boxes, pairs, widest=880)
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    same = apart[:6, :6].sum() / 30 + apart[6:, 6:].sum() / 30
    assert apart[:6, 6:].mean() > same / 2


def test_a_common_network_is_no_wider_than_a_page():
    boxes, pairs = random_network(20, 30, seed=3)
    places = place_nodes(boxes, pairs, widest=880)
    assert (places + boxes / 2).max(axis=0)[0] < 980
