# SPDX-License-Identifier: Apache-2.0
"""Holds the plugins' schedulers against diffusers': tables for every number of steps, and whole runs step by step.

DARKROOM_SCHEDULER_TOOL names the program that runs the library's code. The network is a made-up function.
"""

import inspect
import itertools
import json
import os
import subprocess

import numpy
import pytest
import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_dpmsolver_singlestep import DPMSolverSinglestepScheduler
from diffusers.schedulers.scheduling_euler_ancestral_discrete import EulerAncestralDiscreteScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from diffusers.schedulers.scheduling_heun_discrete import HeunDiscreteScheduler
from diffusers.schedulers.scheduling_lcm import LCMScheduler
from diffusers.schedulers.scheduling_pndm import PNDMScheduler
from diffusers.schedulers.scheduling_tcd import TCDScheduler
from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler
from diffusers.utils import logging
from diffusers.utils.torch_utils import randn_tensor
from safetensors.torch import load_file

TOOL = os.environ["DARKROOM_SCHEDULER_TOOL"]
TABLES = 1e-6  # relative
RUNS = 1e-5
SHAPE = [2, 4, 6, 5]
STEPS = [1, 2, 4, 10, 30]

pytestmark = pytest.mark.filterwarnings("ignore")  # of fields that a class does not know

logging.set_verbosity_error()
torch.set_num_threads(1)

CLASSES = {c.__name__: c for c in [
    DDIMScheduler, DPMSolverMultistepScheduler, DPMSolverSinglestepScheduler, EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler, HeunDiscreteScheduler, LCMScheduler, PNDMScheduler, TCDScheduler, UniPCMultistepScheduler]}

# The file of SDXL's base model, and older ones of other classes as the hub has them.
SDXL = {
    "_class_name": "EulerDiscreteScheduler", "_diffusers_version": "0.19.0.dev0", "beta_end": 0.012,
    "beta_schedule": "scaled_linear", "beta_start": 0.00085, "clip_sample": False, "interpolation_type": "linear",
    "num_train_timesteps": 1000, "prediction_type": "epsilon", "sample_max_value": 1.0, "set_alpha_to_one": False,
    "skip_prk_steps": True, "steps_offset": 1, "timestep_spacing": "leading", "trained_betas": None,
    "use_karras_sigmas": False}
SD15 = {
    "_class_name": "PNDMScheduler", "_diffusers_version": "0.6.0", "beta_end": 0.012,
    "beta_schedule": "scaled_linear", "beta_start": 0.00085, "num_train_timesteps": 1000, "set_alpha_to_one": False,
    "skip_prk_steps": True, "steps_offset": 1, "trained_betas": None, "clip_sample": False}
SD21 = {
    "_class_name": "DDIMScheduler", "_diffusers_version": "0.8.0", "beta_end": 0.012,
    "beta_schedule": "scaled_linear", "beta_start": 0.00085, "clip_sample": False, "num_train_timesteps": 1000,
    "prediction_type": "v_prediction", "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1,
    "trained_betas": None}

MULTISTEP, SINGLESTEP = DPMSolverMultistepScheduler, DPMSolverSinglestepScheduler
NAMES = {
    "euler": (EulerDiscreteScheduler, {}),
    "euler_a": (EulerAncestralDiscreteScheduler, {}),
    "heun": (HeunDiscreteScheduler, {}),
    "ddim": (DDIMScheduler, {}),
    "pndm": (PNDMScheduler, {}),
    "dpmpp_2m": (MULTISTEP, {"algorithm_type": "dpmsolver++", "solver_order": 2}),
    "dpmpp_2m_sde": (MULTISTEP, {"algorithm_type": "sde-dpmsolver++", "solver_order": 2}),
    "dpmpp_3m": (MULTISTEP, {"algorithm_type": "dpmsolver++", "solver_order": 3}),
    "dpmpp_3m_sde": (MULTISTEP, {"algorithm_type": "sde-dpmsolver++", "solver_order": 3}),
    "dpmpp_2s": (SINGLESTEP, {"algorithm_type": "dpmsolver++", "solver_order": 2}),
    "unipc": (UniPCMultistepScheduler, {}),
    "lcm": (LCMScheduler, {}),
    "tcd": (TCDScheduler, {}),
    "lightning": (EulerDiscreteScheduler, {"timestep_spacing": "trailing"}),
    "turbo": (EulerAncestralDiscreteScheduler, {"timestep_spacing": "trailing"}),
}
for base in ["euler", "heun", "dpmpp_2m", "dpmpp_2m_sde", "dpmpp_3m", "dpmpp_3m_sde", "dpmpp_2s", "unipc"]:
    for kind in ["karras", "exponential"]:
        NAMES[f"{base}_{kind}"] = (NAMES[base][0], {**NAMES[base][1], f"use_{kind}_sigmas": True})


def network(latents, timestep):
    """scheduler_parity_tool.cc has the same one."""
    return torch.tanh(latents * 0.8 + float(timestep) * 0.001) * 0.9 + torch.cos(latents * 2.0) * 0.3


def reference_scheduler(case):
    config = case["config"]
    if "name" in case:
        kind, changes = NAMES[case["name"]]
        return kind.from_config(config, **changes)
    return CLASSES[config["_class_name"]].from_config(config)


def set_timesteps(scheduler, case):
    given = {key: case[key] for key in ("timesteps", "sigmas") if key in case}
    scheduler.set_timesteps(**(given or {"num_inference_steps": case["steps"]}))


def tables(scheduler):
    return {"timesteps": scheduler.timesteps.to(torch.float32),
            "sigmas": getattr(scheduler, "sigmas", torch.zeros(0)),
            "init_noise_sigma": torch.tensor([float(scheduler.init_noise_sigma)])}


def img2img_timesteps(scheduler, count, strength):
    """get_timesteps of StableDiffusionXLImg2ImgPipeline."""
    begin = max(count - min(int(count * strength), count), 0) * scheduler.order
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(begin)
    return scheduler.timesteps[begin:]


def estimate_of(scheduler, case, made, output, timestep, latents):
    """The class's own pred_original_sample, or for those without one what their papers make of an output."""
    own = getattr(made, "pred_original_sample", None)
    if own is not None:
        return own.float()
    kind = scheduler.config.prediction_type
    if hasattr(scheduler, "sigmas"):
        ratio = scheduler.sigmas[scheduler.step_index - 1]  # of the step that was just made
        alpha = (ratio**2 + 1)**-0.5
        sigma = ratio * alpha
    else:
        alpha = scheduler.alphas_cumprod[int(timestep)]**0.5
        sigma = (1 - scheduler.alphas_cumprod[int(timestep)])**0.5
    original = {"epsilon": (latents - sigma * output) / alpha, "sample": output,
                "v_prediction": alpha * latents - sigma * output}[kind]
    bound = scheduler.config.get("clip_sample_range", 1.0)
    return (original.clamp(-bound, bound) if scheduler.config.get("clip_sample") else original).float()


def reference(case):
    """What the tool is to write for the case: the loop of diffusers' pipelines."""
    scheduler = reference_scheduler(case)
    set_timesteps(scheduler, case)
    result = tables(scheduler)
    if "seeds" not in case:
        return result
    generators = [torch.Generator().manual_seed(seed) for seed in case["seeds"]]
    generator = generators[0] if len(generators) == 1 else generators
    dtype = torch.float16 if case.get("half") else torch.float32
    noise = randn_tensor(tuple(case["shape"]), generator=generator, dtype=dtype)
    timesteps = scheduler.timesteps
    if "strength" in case:
        timesteps = img2img_timesteps(scheduler, case.get("steps", len(timesteps)), case["strength"])
        picture = torch.linspace(-1, 1, noise.numel()).view(noise.shape).to(dtype)
        latents = scheduler.add_noise(picture, noise, timesteps[:1].repeat(noise.shape[0]))
    else:
        latents = noise * scheduler.init_noise_sigma
    accepted = inspect.signature(scheduler.step).parameters
    more = {key: case[key] for key in ("eta", "s_churn", "s_tmin", "s_tmax", "s_noise") if key in case}
    more = {key: value for key, value in {**more, "generator": generator}.items() if key in accepted}
    result["latents.0"] = latents.float()
    for i, timestep in enumerate(timesteps):
        output = network(scheduler.scale_model_input(latents, timestep), timestep)
        made = scheduler.step(output, timestep, latents, **more)
        result[f"estimate.{i}"] = estimate_of(scheduler, case, made, output, timestep, latents)
        latents = made.prev_sample
        if case.get("masked") and i + 1 < len(timesteps):  # as StableDiffusionXLInpaintPipeline with 4 channels
            kept = scheduler.add_noise(picture, noise, timesteps[i + 1].repeat(noise.shape[0]))
            latents = torch.cat([kept[..., :3], latents[..., 3:]], -1)
        result[f"latents.{i + 1}"] = latents.float()
    return result


@pytest.fixture
def run_tool(tmp_path):
    def run(cases):
        texts = [{**case, "config": json.dumps(case["config"])} for case in cases]
        (tmp_path / "cases").write_text(json.dumps(texts))
        done = subprocess.run([TOOL, tmp_path / "cases", tmp_path / "out"], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        results = [{} for _ in cases]
        for key, value in load_file(tmp_path / "out").items():
            index, name = key.split(".", 1)
            results[int(index)][name] = value
        return results

    return run


def difference(found, expected):
    """The largest, relative to the largest of what is expected."""
    assert found.shape == expected.shape
    if not expected.numel():
        return 0.0
    distance = (found.double() - expected.double()).abs().max().item()
    return distance / max(expected.double().abs().max().item(), 1e-30) if distance == distance else float("inf")


def each_difference(found, expected):
    """The largest of each number relative to itself, for tables, whose entries differ by magnitudes."""
    assert found.shape == expected.shape, (found, expected)
    scale = expected.double().abs().clamp(min=1e-3)
    return ((found.double() - expected.double()).abs() / scale).max().item() if expected.numel() else 0.0


def check_tables(found, expected, label):
    for key in ("timesteps", "sigmas", "init_noise_sigma"):
        assert each_difference(found[key], expected[key]) <= TABLES, (label, key, found[key], expected[key])


def worst_of_run(found, expected):
    assert found.keys() == expected.keys()
    if any(found[key].shape != expected[key].shape for key in expected):
        return float("inf")
    return max(difference(found[key], expected[key]) for key in expected if key.startswith("latents"))


def check_runs(cases, run_tool):
    worst = 0.0
    for case, found in zip(cases, run_tool(cases), strict=True):
        expected = reference(case)
        assert torch.isfinite(expected[max(expected, key=lambda k: (k.startswith("latents"), len(k), k))]).all(), case
        assert "error" not in found, case
        check_tables(found, expected, case)
        here = worst_of_run(found, expected)
        assert here <= RUNS, (here, case)
        worst = max(worst, here)
    print(f"{len(cases)} runs, worst relative difference {worst:.1e}")


def run_case(config, **more):
    return {"config": config, "seeds": [7], "shape": SHAPE, **more}


# Tables.

TABLE_CONFIGS = {
    **{name: ({}, name) for name in NAMES},
    **{f"{spacing} {name}": ({"timestep_spacing": spacing}, name)
       for spacing in ("linspace", "trailing")
       for name in ("euler", "euler_a", "euler_karras", "heun", "heun_karras", "ddim", "pndm", "dpmpp_2m", "unipc")},
    "v": ({"prediction_type": "v_prediction"}, "euler"),
    "offset 0": ({"steps_offset": 0}, "euler"),
    "log linear": ({"interpolation_type": "log_linear"}, "euler"),
    "log linear karras": ({"interpolation_type": "log_linear"}, "euler_karras"),
    "to sigma_min": ({"final_sigmas_type": "sigma_min"}, "euler"),
    "to sigma_min, 2m": ({"final_sigmas_type": "sigma_min"}, "dpmpp_2m"),
    "to sigma_min, unipc karras": ({"final_sigmas_type": "sigma_min"}, "unipc_karras"),
    "zero snr": ({"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}, "euler"),
    "zero snr, 2m karras": ({"rescale_betas_zero_snr": True}, "dpmpp_2m_karras"),
    "cosine": ({"beta_schedule": "squaredcos_cap_v2"}, "dpmpp_2m_karras"),
    "cosine euler": ({"beta_schedule": "squaredcos_cap_v2"}, "euler"),
    "exp": ({"beta_schedule": "exp"}, "heun"),
    "linear": ({"beta_schedule": "linear", "beta_start": 0.0001, "beta_end": 0.02}, "ddim"),
    "own betas": ({"trained_betas": [0.001 + 0.0001 * i for i in range(200)], "num_train_timesteps": 200}, "euler"),
    "sigma range": ({"sigma_min": 0.1, "sigma_max": 9.5}, "euler_karras"),
    "sigma range, 2m": ({"sigma_min": 0.1, "sigma_max": 9.5}, "dpmpp_2m_karras"),
    "clipped lambda": ({"lambda_min_clipped": -2.0, "timestep_spacing": "linspace"}, "dpmpp_2m"),
    "clipped lambda, 2s": ({"lambda_min_clipped": -2.0}, "dpmpp_2s"),
    "no clip": ({"lambda_min_clipped": -float("inf")}, "dpmpp_2m"),
    "continuous": ({"timestep_type": "continuous", "prediction_type": "v_prediction"}, "euler_karras"),
}


def test_tables_are_equal_for_every_number_of_steps(run_tool):
    cases, labels = [], []
    for label, (changes, name) in TABLE_CONFIGS.items():
        for steps in range(1, 101):
            cases.append({"config": {**SDXL, **changes}, "name": name, "steps": steps})
            labels.append((label, steps))
    found = run_tool(cases)
    schedulers = {}
    for case, label, result in zip(cases, labels, found, strict=True):
        if label[0] not in schedulers:
            schedulers[label[0]] = reference_scheduler(case)
        scheduler = schedulers[label[0]]
        try:
            set_timesteps(scheduler, case)
        except ValueError:  # more steps than the network was distilled from
            assert case["name"] in ("lcm", "tcd") and case["steps"] > 50 and "error" in result
            continue
        assert "error" not in result, label
        check_tables(result, tables(scheduler), label)


# Runs.

@pytest.mark.parametrize("name", NAMES)
def test_runs_of_every_name_are_equal(name, run_tool):
    cases = [run_case(SDXL, name=name, steps=steps) for steps in STEPS]
    for spacing in ("linspace", "trailing"):
        cases.append(run_case({**SDXL, "timestep_spacing": spacing}, name=name, steps=10))
    for prediction in ("v_prediction", "sample"):
        if prediction == "v_prediction" or name not in ("euler_a", "turbo", "pndm"):
            cases.append(run_case({**SDXL, "prediction_type": prediction}, name=name, steps=10))
    for strength in (0.3, 0.6, 1.0):
        cases.append(run_case(SDXL, name=name, steps=10, strength=strength))
        cases.append(run_case(SDXL, name=name, steps=17, strength=strength, seeds=[3, 4]))
    check_runs(cases, run_tool)


@pytest.mark.parametrize("name", NAMES)
def test_what_an_output_says_of_the_end_is_what_the_reference_makes_of_it(name, run_tool):
    cases = [run_case(SDXL, name=name, steps=steps) for steps in (1, 5, 11)]
    for prediction in ("v_prediction", "sample"):
        if prediction == "v_prediction" or name not in ("euler_a", "turbo", "pndm"):
            cases.append(run_case({**SDXL, "prediction_type": prediction}, name=name, steps=6))
    cases.append(run_case(SDXL, name=name, steps=10, strength=0.6))
    if name in ("ddim", "lcm", "heun"):
        cases.append(run_case({**SDXL, "clip_sample": True, "clip_sample_range": 0.8}, name=name, steps=6))
    for case, found in zip(cases, run_tool(cases), strict=True):
        expected = reference(case)
        estimates = [key for key in expected if key.startswith("estimate")]
        assert len(estimates) == len([key for key in expected if key.startswith("latents")]) - 1
        for key in estimates:
            assert difference(found[key], expected[key]) <= RUNS, (case, key)
        if case["config"]["prediction_type"] != "sample":  # where it is the output itself
            assert difference(found["estimate.0"], expected["latents.0"]) > 1000 * RUNS


@pytest.mark.parametrize("config", [SD15, SD21], ids=["sd15", "sd21"])
def test_configs_of_other_classes_are_taken_over(config, run_tool):
    cases = [run_case(config, steps=7)]
    for name in NAMES:
        cases.append(run_case(config, name=name, steps=7))
    check_runs(cases, run_tool)


def test_files_that_diffusers_writes_are_read(run_tool, tmp_path):
    cases = []
    for kind in CLASSES.values():
        more = {"skip_prk_steps": True} if kind is PNDMScheduler else {}
        kind(**more).save_pretrained(tmp_path)
        config = json.loads((tmp_path / "scheduler_config.json").read_text())
        cases.append(run_case(config, steps=6))
    check_runs(cases, run_tool)


def own(kind, **fields):
    return {**SDXL, "_class_name": kind.__name__, **fields}


def test_runs_with_zero_terminal_snr_are_equal(run_tool):
    config = {**SDXL, "rescale_betas_zero_snr": True, "timestep_spacing": "trailing",
              "prediction_type": "v_prediction"}
    names = ["euler", "euler_a", "ddim", "dpmpp_2m", "dpmpp_2m_karras", "dpmpp_2m_sde", "unipc", "lcm", "tcd"]
    check_runs([run_case(config, name=name, steps=steps) for name in names for steps in (1, 4, 10)], run_tool)


def test_runs_of_solvers_are_equal(run_tool):
    cases = []
    for order, solver, algorithm, final, lower in itertools.product(
            (1, 2, 3), ("midpoint", "heun"), ("dpmsolver++", "sde-dpmsolver++"), ("zero", "sigma_min"), (True, False)):
        fields = {"solver_order": order, "solver_type": solver, "algorithm_type": algorithm,
                  "final_sigmas_type": final, "lower_order_final": lower}
        for steps in (3, 8, 14, 15):  # lower_order_final is for fewer than 15
            cases.append(run_case(own(MULTISTEP, **fields), steps=steps))
        for steps in (4, 9):
            cases.append(run_case(own(SINGLESTEP, **fields), steps=steps))
    for fields in ({"euler_at_final": True, "final_sigmas_type": "sigma_min"}, {"use_lu_lambdas": True},
                   {"algorithm_type": "deis", "solver_type": "logrho", "final_sigmas_type": "sigma_min"}):
        cases.append(run_case(own(MULTISTEP, **fields), steps=16))
    cases.append(run_case(own(SINGLESTEP, solver_order=3), steps=11, strength=0.6))
    check_runs(cases, run_tool)


def test_runs_of_unipc_are_equal(run_tool):
    cases = []
    for order, solver, x0, prediction in itertools.product(
            (1, 2, 3), ("bh1", "bh2"), (True, False), ("epsilon", "v_prediction", "sample")):
        fields = {"solver_order": order, "solver_type": solver, "predict_x0": x0, "prediction_type": prediction,
                  "final_sigmas_type": "sigma_min"}
        for steps in (2, 5, 16):
            cases.append(run_case(own(UniPCMultistepScheduler, **fields), steps=steps))
    for fields in ({"disable_corrector": [0, 2]}, {"lower_order_final": False, "final_sigmas_type": "sigma_min"},
                   {"solver_order": 3}):
        cases.append(run_case(own(UniPCMultistepScheduler, **fields), steps=9))
        cases.append(run_case(own(UniPCMultistepScheduler, **fields), steps=9, strength=0.6))
    check_runs(cases, run_tool)


def test_a_request_s_own_timesteps_and_sigmas_are_taken(run_tool):
    ays = [999, 845, 730, 587, 443, 310, 193, 116, 53, 13]
    sigmas = [14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.38, 0.234, 0.113, 0.0]
    cases = [run_case(SDXL, name=name, timesteps=ays) for name in ("euler", "heun", "dpmpp_2m", "dpmpp_2s", "lcm", "tcd")]
    cases += [run_case(SDXL, name="euler", sigmas=sigmas), run_case(SDXL, name="lightning", timesteps=[999, 749, 499, 249])]
    cases += [run_case(SDXL, name=name, timesteps=ays, strength=0.6) for name in ("dpmpp_2m", "heun", "euler")]
    check_runs(cases, run_tool)


def test_runs_that_keep_a_part_of_the_picture_are_equal(run_tool):
    check_runs([run_case(SDXL, name=name, steps=steps, strength=strength, masked=True)
                for name in NAMES for steps, strength in ((4, 1.0), (11, 0.6))], run_tool)


def test_the_last_step_of_bh1_is_finite_where_the_reference_s_is_not(run_tool):
    case = run_case(own(UniPCMultistepScheduler, solver_type="bh1"), steps=5)
    found, expected = run_tool([case])[0], reference(case)
    assert torch.isnan(expected.pop("latents.5")).all()
    assert torch.isfinite(found.pop("latents.5")).all()
    assert worst_of_run(found, expected) <= RUNS


def test_noise_that_is_added_is_equal(run_tool):
    cases = [run_case(SDXL, name="ddim", steps=10, eta=eta, seeds=seeds)
             for eta in (0.0, 0.4, 1.0) for seeds in ([5], [2**40 + 1, 6])]
    cases += [run_case(SDXL, name="tcd", steps=4, eta=eta) for eta in (0.0, 0.3, 1.0)]
    churn = {"s_churn": 5.0, "s_noise": 1.003, "s_tmin": 0.05, "s_tmax": 3.0}
    cases += [run_case({**SDXL, "prediction_type": prediction}, name="euler", steps=12, **churn)
              for prediction in ("epsilon", "v_prediction")]
    check_runs(cases, run_tool)


def test_samples_are_clipped_where_the_config_says(run_tool):
    config = {**SDXL, "clip_sample": True, "clip_sample_range": 0.8, "set_alpha_to_one": True}
    check_runs([run_case(config, name=name, steps=6) for name in ("ddim", "lcm", "heun", "tcd")], run_tool)


def test_latents_in_half_precision_are_stepped_as_there(run_tool):
    cases = [run_case(SDXL, name=name, steps=8, half=True) for name in NAMES if name != "unipc_exponential"]
    for case, found in zip(cases, run_tool(cases), strict=True):
        assert worst_of_run(found, reference(case)) == 0, case


def test_a_run_that_goes_through_bytes_is_the_same(run_tool):
    cases = [run_case(SDXL, name=name, steps=9, eta=0.5, seeds=[1, 2], **more)
             for name in NAMES for more in ({}, {"strength": 0.7})]
    for case, whole, resumed in zip(cases, run_tool(cases), run_tool([{**c, "resume_at": 1} for c in cases]), strict=True):
        assert whole.keys() == resumed.keys()
        for key in whole:
            assert torch.equal(whole[key], resumed[key]), (case, key)


def test_a_seed_for_each_picture_makes_the_pictures_that_they_make_alone(run_tool):
    cases = [run_case(SDXL, name="dpmpp_2m_sde_karras", steps=5, seeds=[8, 9]),
             run_case(SDXL, name="dpmpp_2m_sde_karras", steps=5, seeds=[9], shape=[1, *SHAPE[1:]])]
    both, second = run_tool(cases)
    assert torch.equal(both["latents.5"][1:], second["latents.5"])


# A test that cannot see a difference is none: each of these must.

@pytest.mark.parametrize("changes, name, more", [(*row, {})[:3] for row in [
    ({"beta_end": 0.01201}, "euler"), ({"beta_start": 0.000851}, "ddim"), ({"steps_offset": 0}, "ddim"),
    ({"steps_offset": 0}, "dpmpp_2m"), ({"lower_order_final": False, "final_sigmas_type": "sigma_min"}, "dpmpp_2m"),
    ({"euler_at_final": True, "final_sigmas_type": "sigma_min"}, "dpmpp_2m", {"steps": 16}),
    ({"solver_type": "heun"}, "dpmpp_2m"), ({"solver_type": "bh1", "final_sigmas_type": "sigma_min"}, "unipc"),
    ({"disable_corrector": [1]}, "unipc"), ({"set_alpha_to_one": True}, "ddim"), 
    ({"timestep_scaling": 9.0}, "lcm", {"timesteps": [9, 1]}), ({"original_inference_steps": 40}, "lcm"),
    ({"lambda_min_clipped": -2.0, "timestep_spacing": "linspace"}, "dpmpp_2m"), ({"sigma_max": 14.0}, "dpmpp_2m_karras"),
    ({"prediction_type": "v_prediction"}, "heun"), ({"num_train_timesteps": 999}, "pndm"),
    ({"rescale_betas_zero_snr": True}, "dpmpp_2m"), ({"clip_sample": True}, "heun"),
]])
def test_one_changed_setting_is_noticed(changes, name, more, run_tool):
    settings = {key: value for key, value in changes.items() if key in ("final_sigmas_type", "timestep_spacing")}
    case = run_case({**SDXL, **settings}, name=name, **(more or {"steps": 6}))
    found = run_tool([case])[0]
    wrong = reference({**case, "config": {**SDXL, **changes}})
    assert worst_of_run(found, reference(case)) <= RUNS
    assert worst_of_run(found, wrong) > 2 * RUNS


@pytest.mark.parametrize("changed", [{"s_noise": 1.0031}, {"s_churn": 3.01}, {"s_tmin": 1.5}, {"s_tmax": 1.0},
                                     {"seeds": [8]}])
def test_one_changed_number_of_the_noise_is_noticed(changed, run_tool):
    case = run_case(SDXL, name="euler", steps=12, s_churn=3.0, s_noise=1.003, s_tmin=0.05, s_tmax=3.0)
    assert worst_of_run(run_tool([case])[0], reference({**case, **changed})) > 2 * RUNS


def test_another_rho_is_noticed(run_tool, monkeypatch):
    def other(self, in_sigmas, num_inference_steps, rho=6.99):
        low, high = in_sigmas[-1].item() ** (1 / rho), in_sigmas[0].item() ** (1 / rho)
        return (high + numpy.linspace(0, 1, num_inference_steps) * (low - high)) ** rho

    case = {"config": SDXL, "name": "euler_karras", "steps": 10}
    monkeypatch.setattr(EulerDiscreteScheduler, "_convert_to_karras", other)
    assert each_difference(run_tool([case])[0]["sigmas"], reference(case)["sigmas"]) > 10 * TABLES
