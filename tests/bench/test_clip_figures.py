# SPDX-License-Identifier: Apache-2.0
"""The figures and ratios of the benchmark `clip`, from samples made up here."""

import pytest

from clip.figures import engine_figures, engine_ratios, server_figures, server_ratios
from clip.load import Checker, Sample

TOWERS = {
    "darkroom": {1: [0.1, 0.2], 8: [0.4, 0.4]},
    "transformers": {1: [0.2, 0.4], 8: [0.8, 1.2]},
    "onnxruntime": {1: [0.1, 0.1], 8: [0.5, 0.5]},
    "openvino_int8": {1: [0.01, 0.01], 8: [0.01, 0.01]},
}


def test_figures_of_an_engine_are_images_a_second():
    assert engine_figures(TOWERS["darkroom"]) == pytest.approx({"tower_images_s_b1": 7.5, "tower_images_s_b8": 20})


def test_an_engine_is_compared_within_each_round_and_with_its_kind():
    ratios = engine_ratios(TOWERS)
    assert ratios["vs_transformers_b1"] == pytest.approx(2)
    assert ratios["vs_transformers_b8"] == pytest.approx(2.5)
    assert ratios["vs_fastest_b1"] == pytest.approx(0.75)
    assert ratios["vs_fastest_b8"] == pytest.approx(1.25)
    assert (ratios["vs_fastest"], ratios["vs_transformers"]) == pytest.approx((0.75, 2))


def test_without_peers_there_is_nothing_to_compare():
    assert engine_ratios({"darkroom": TOWERS["darkroom"]}) == {}


def sample(rate, *times):
    return Sample(seconds=len(times) / rate, times=list(times))


def test_servers():
    servers = {"darkroom": {1: [sample(10, 0.1, 0.2, 0.3)], 32: [sample(30, 1.0)]},
               "mosec": {1: [sample(5, 0.2)], 32: [sample(20, 1.0)]}}
    figures = server_figures(servers["darkroom"])
    assert figures["images_s_c1"] == pytest.approx(10)
    assert figures["p50_ms_c1"] == pytest.approx(200)
    assert figures["p99_ms_c1"] == pytest.approx(300)
    assert figures["errors"] == 0
    ratios = server_ratios(servers, tower=[0.1, 0.1])
    assert ratios["vs_best_server_c1"] == pytest.approx(2)
    assert ratios["vs_best_server_c32"] == pytest.approx(1.5)
    assert ratios["p50_c1_vs_tower"] == pytest.approx(2)
    assert ratios["p99_c1_vs_tower"] == pytest.approx(3)


def test_a_reply_that_is_no_embedding_is_seen():
    numpy = pytest.importorskip("numpy")
    one = numpy.zeros(512, "<f4")
    one[3] = 1
    other = numpy.roll(one, 1)
    checker = Checker()
    assert checker.fault(0, one.tobytes()) == ""
    assert checker.fault(0, one.tobytes()) == ""
    assert "not the picture's" in checker.fault(0, other.tobytes())
    assert checker.fault(1, other.tobytes()) == ""
    assert "length one" in checker.fault(2, (one * 2).tobytes())
    assert "4 bytes" in checker.fault(2, b"oops")
