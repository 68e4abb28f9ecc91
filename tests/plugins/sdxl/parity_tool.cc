// SPDX-License-Identifier: Apache-2.0
//
// Runs the networks of Stable Diffusion XL for test_parity.py to compare with diffusers: one
// process for all of its tests, since to start libtorch takes longer than most of them.
//
//   sdxl_parity_tool
//
// Each line of its input is JSON, {"folder", "part", "engine", "dtype", "input", "output", ...}:
// the model's folder, which of its networks ("unet", "vae", "text"), and two safetensors files. It
// reads a network's inputs from the one, writes what it makes of them to the other, and answers
// with a line, {} or {"error"}. "device": "apart" for that of tests/plugins/common/apart.
// "tokenizer" and "config": of a single file.
//
//   unet   latents, timesteps, text, pooled, time_ids, guidance -> sample; "rows": "together" (the
//          default), "joined" (each row's condition made alone) or "alone"
//   vae    pixels, noise -> mean, deviation, sampled, diffusion;
//          latents -> decoded, from_diffusion; "tile": an edge; "preview": an edge of latents that
//          a map is fitted to -> preview, of "latents" as denoising's
//   text   no input file: "prompts": [[text, text_2], ...], "skipped", "chunks",
//          "weighted", "embeddings": a folder -> states, pooled
//   draw   picture (height x width x channels, bytes), mask (height x width, 0 or 1), for requests
//          that have a "strength", and those of them that have "mask": true; latents, for those
//          with "latents": true, whose strength is "share"; "requests":
//          [{"prompt", "negative", "seed", ...}], each begun "apart" steps after the one before it;
//          "limit": rows of the network in one run; "watch": true, each step notes what it takes
//          the end to be; "loras": [[name, weight], ...] of "loras_folder", of the line or of a
//          request, added in place, or with "copies" (of the line) to networks of their own;
//          "fails_at" of a request: it is given up before the layer of that number is changed ->
//          latents N, picture N, estimate N (of the last step), and N.1, ... of further pictures;
//          hits: of the kept prompts so far; own: what changed layers take in the end
//   resume "requests" of one: drawn whole, and for each of its steps saved there and gone on with
//          by networks of their own -> equal: for each step whether that made the same bits; size:
//          of a state, in bytes. "damage": [every, rounds] -> cut, flipped, mended: how many
//          states were tried that were cut at every so-manieth place, had a bit flipped, and had
//          that with a digest that suits; all but the last must be refused

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <array>
#include <cstdio>
#include <darkroom/plugin.hpp>
#include <exception>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "common/safetensors.h"
#include "sdxl/folder.h"
#include "sdxl/latents_file.h"
#include "sdxl/lora.h"
#include "sdxl/pipeline.h"
#include "sdxl/preview.h"
#include "sdxl/run_state.h"
#include "sdxl/text_encoders.h"
#include "sdxl/unet.h"
#include "sdxl/vae.h"
#include "tests/plugins/common/apart/device.h"
#include "tests/plugins/common/save_tensors.h"

namespace {

namespace sdxl = darkroom::sdxl;
using Json = nlohmann::json;
using Tensors = std::map<std::string, at::Tensor>;

struct Networks {
  std::unique_ptr<sdxl::Folder> folder;
  std::unique_ptr<sdxl::UNet> unet;
  std::unique_ptr<sdxl::Vae> vae;
  std::unique_ptr<sdxl::TextEncoders> text;
  std::unique_ptr<sdxl::Pipeline> draw;
  std::unique_ptr<sdxl::Pipeline> again;  // another of the same weights
};

// `json`: a line or a request of it.
std::shared_ptr<const sdxl::LoraSet> ReadLoras(const sdxl::Folder& folder, const Json& json) {
  if (json.value("loras", Json::array()).empty()) return nullptr;
  const sdxl::LoraLayers layers(folder, sdxl::ReadUNetConfig(folder.Config("unet")));
  const auto where = json.at("loras_folder").get<std::string>();
  std::vector<sdxl::LoraSet::Member> members;
  for (const Json& pair : json["loras"]) {
    const auto name = pair.at(0).get<std::string>();
    const std::string version = sdxl::VersionOf(where, name);
    members.push_back(
        {version,
         std::make_shared<const sdxl::LoraFile>(sdxl::ReadLora(sdxl::PathOf(where, name), layers)),
         pair.at(1).get<double>()});
  }
  return std::make_shared<const sdxl::LoraSet>(members);
}

Networks Open(const Json& line) {
  const auto path = line.at("folder").get<std::string>();
  const auto part = line.at("part").get<std::string>();
  darkroom::nn::Placement placement;
  if (line.value("device", "cpu") == "apart") placement.device = darkroom::apart::Device();
  placement.dtype = darkroom::nn::ChooseDtype(line.value("dtype", "float32"), placement.device);
  placement.engine =
      darkroom::nn::ChooseEngine(line.value("engine", "auto"), placement.device, placement.dtype);
  sdxl::FileOptions options;
  options.config = line.value("config", Json::object()).dump();
  options.tokenizer = line.value("tokenizer", "");
  sdxl::Folder folder = sdxl::Folder::Open(path, placement.dtype != at::kFloat, options);
  if (line.value("copies", false)) folder = sdxl::WithLoras(folder, *ReadLoras(folder, line));
  Networks networks;
  if (part == "unet") {
    networks.unet = std::make_unique<sdxl::UNet>(
        folder.OpenWeights(part), sdxl::ReadUNetConfig(folder.Config(part)), placement);
  } else if (part == "vae") {
    const sdxl::VaeConfig vae = sdxl::ReadVaeConfig(folder.Config(part));
    networks.vae = std::make_unique<sdxl::Vae>(folder.OpenWeights(part), vae,
                                               sdxl::VaePlacement(vae, placement));
  } else if (part == "draw" || part == "resume") {
    const sdxl::PipelineOptions limits{.rows = line.value("limit", int64_t{64}),
                                       .prompts = 2,
                                       .embeddings = line.value("embeddings", ""),
                                       .replaces = !line.value("copies", false)};
    networks.draw = std::make_unique<sdxl::Pipeline>(folder, placement, limits);
    if (part == "resume")
      networks.again = std::make_unique<sdxl::Pipeline>(folder, placement, limits);
  } else {
    networks.text =
        std::make_unique<sdxl::TextEncoders>(folder, placement, line.value("embeddings", ""));
  }
  networks.folder = std::make_unique<sdxl::Folder>(std::move(folder));
  return networks;
}

at::Tensor Find(const Tensors& tensors, const std::string& name) {
  const auto found = tensors.find(name);
  return found == tensors.end() ? at::Tensor() : found->second;
}

Tensors RunUNet(const sdxl::UNet& unet, const Tensors& inputs, const std::string& rows) {
  const int64_t count = inputs.at("latents").size(0);
  const auto row = [&](const char* name, int64_t i) {
    const at::Tensor tensor = Find(inputs, name);
    return tensor.defined() ? tensor.slice(0, i, i + 1) : tensor;
  };
  const auto run = [&](const sdxl::Condition& condition, int64_t from, int64_t to) {
    const at::Tensor guidance = Find(inputs, "guidance");
    return unet(inputs.at("latents").slice(0, from, to), inputs.at("timesteps").slice(0, from, to),
                condition, guidance.defined() ? guidance.slice(0, from, to) : guidance);
  };
  if (rows == "together")
    return {{"sample",
             run(unet.Prepare(inputs.at("text"), Find(inputs, "pooled"), Find(inputs, "time_ids")),
                 0, count)}};
  std::vector<sdxl::Condition> conditions;
  std::vector<const sdxl::Condition*> pointers;
  std::vector<at::Tensor> samples;
  for (int64_t i = 0; i < count; ++i) {
    conditions.push_back(unet.Prepare(row("text", i), row("pooled", i), row("time_ids", i)));
    if (rows == "alone") samples.push_back(run(conditions.back(), i, i + 1));
  }
  if (rows == "alone") return {{"sample", at::cat(samples)}};
  for (const sdxl::Condition& condition : conditions) pointers.push_back(&condition);
  return {{"sample", run(sdxl::Join(pointers), 0, count)}};
}

Tensors RunVae(const sdxl::Vae& vae, const Tensors& inputs, int64_t tile) {
  Tensors outputs;
  if (const at::Tensor pixels = Find(inputs, "pixels"); pixels.defined()) {
    const sdxl::Posterior posterior = vae.Encode(pixels, tile);
    outputs["mean"] = posterior.mean;
    outputs["deviation"] = posterior.deviation;
    outputs["sampled"] = posterior.Sample(inputs.at("noise").to(posterior.mean.device()));
    outputs["diffusion"] = vae.ToDiffusion(posterior.mean);
  }
  if (const at::Tensor latents = Find(inputs, "latents"); latents.defined()) {
    outputs["from_diffusion"] = vae.FromDiffusion(latents);
    outputs["decoded"] = vae.Decode(latents, tile);
  }
  return outputs;
}

Tensors RunText(const sdxl::TextEncoders& text, const Json& line) {
  std::vector<sdxl::Prompt> prompts;
  for (const Json& pair : line.at("prompts"))
    prompts.push_back({pair.at(0).get<std::string>(), pair.at(1).get<std::string>(),
                       line.value("weighted", false)});
  const sdxl::PromptStates found =
      text.Encode(prompts, line.value("skipped", int64_t{0}), line.value("chunks", int64_t{1}));
  return {{"states", found.states}, {"pooled", found.pooled}};
}

sdxl::DrawingRequest ReadRequest(const Json& json, const Tensors& inputs, int64_t factor) {
  const auto prompt = [&json](const Json& pair) {
    return sdxl::Prompt{pair.at(0).get<std::string>(), pair.at(1).get<std::string>(),
                        json.value("weighted", false)};
  };
  sdxl::DrawingRequest request;
  request.prompt = prompt(json.at("prompt"));
  if (json.contains("negative")) request.negative = prompt(json["negative"]);
  if (json.contains("strength")) {
    const at::Tensor mask = json.value("mask", false) ? Find(inputs, "mask") : at::Tensor();
    request.source = sdxl::ReadSource(Find(inputs, "picture"), mask, factor);
    request.source.strength = json["strength"].get<double>();
  }
  if (json.value("latents", false)) {
    request.latents = sdxl::ReadLatents(sdxl::WriteLatents(Find(inputs, "latents")));
    request.source.strength = json.value("share", 0.3);
  }
  if (json.contains("denoising_start")) request.denoising_start = json["denoising_start"];
  if (json.contains("denoising_end")) request.denoising_end = json["denoising_end"];
  request.height = json.value("height", int64_t{0});
  request.width = json.value("width", int64_t{0});
  request.seed = json.value("seed", uint64_t{0});
  request.pictures = json.value("pictures", int64_t{1});
  request.guidance_scale = json.value("guidance_scale", 5.0);
  request.guidance_rescale = json.value("guidance_rescale", 0.0);
  request.skipped_layers = json.value("clip_skip", int64_t{0});
  request.scheduler = json.value("scheduler", "default");
  request.sampling.steps = json.value("steps", int64_t{4});
  using Size = std::array<int64_t, 2>;
  if (json.contains("original_size")) request.original_size = json["original_size"].get<Size>();
  request.crop = json.value("crop", Size{0, 0});
  request.aesthetic_score = json.value("aesthetic_score", 6.0);
  request.negative_aesthetic_score = json.value("negative_aesthetic_score", 2.5);
  if (json.contains("target_size")) request.target_size = json["target_size"].get<Size>();
  return request;
}

Tensors RunDraw(sdxl::Pipeline& pipeline, const sdxl::Folder& folder, const Tensors& inputs,
                const Json& line) {
  const int64_t factor = pipeline.vae()->config().factor();
  const Json& requests = line.at("requests");
  const auto apart = line.value("apart", size_t{0});
  std::vector<std::unique_ptr<sdxl::Drawing>> drawings;
  std::vector<std::string> names;
  Tensors outputs;
  const auto begin = [&](Json json) {
    for (const char* name : {"loras", "loras_folder"})
      if (line.contains(name) && !json.contains(name)) json[name] = line[name];
    sdxl::DrawingRequest request = ReadRequest(json, inputs, factor);
    if (!line.value("copies", false)) request.loras = ReadLoras(folder, json);
    auto left = json.value("fails_at", int64_t{-1});
    return pipeline.Begin(request, [&left] {
      if (left-- == 0) throw std::runtime_error("it was given up");
    });
  };
  for (size_t tick = 0, begun = 0; begun < requests.size() || !drawings.empty(); ++tick) {
    while (begun < requests.size() && tick >= begun * apart) {
      for (auto& drawing : begin(requests[begun])) drawings.push_back(std::move(drawing));
      for (size_t i = 0; names.size() < drawings.size(); ++i)
        names.push_back(std::to_string(begun) + (i == 0 ? "" : "." + std::to_string(i)));
      ++begun;
    }
    std::vector<sdxl::Drawing*> together;
    for (const auto& drawing : drawings) together.push_back(drawing.get());
    const bool is_watched = line.value("watch", false);
    for (sdxl::Drawing* const drawing : together)
      if (is_watched) drawing->Watch();
    pipeline.Step(together);
    for (size_t i = drawings.size(); i-- > 0;) {
      const at::Tensor estimate = drawings[i]->TakeEstimate();
      if (estimate.defined() != is_watched) throw std::runtime_error("a step noted otherwise");
      if (!drawings[i]->Done()) continue;
      if (is_watched) outputs["estimate " + names[i]] = estimate;
      outputs["latents " + names[i]] = drawings[i]->latents();
      outputs["picture " + names[i]] = pipeline.Finish(*drawings[i]);
      drawings.erase(drawings.begin() + static_cast<std::ptrdiff_t>(i));
      names.erase(names.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  outputs["own"] = at::tensor(static_cast<int64_t>(pipeline.LoraBytes()));
  outputs["hits"] = at::tensor(static_cast<int64_t>(pipeline.prompts().hits()));
  return outputs;
}

constexpr uint64_t kOwner = 4711;

void StepAll(sdxl::Pipeline& pipeline, const sdxl::Drawings& drawings, int64_t steps) {
  std::vector<sdxl::Drawing*> together;
  for (const auto& drawing : drawings) together.push_back(drawing.get());
  for (int64_t i = 0; i < steps; ++i) pipeline.Step(together);
}

// Draws on to the end.
std::vector<at::Tensor> Rest(sdxl::Pipeline& pipeline, const sdxl::Drawings& drawings) {
  StepAll(pipeline, drawings, drawings.front()->left());
  std::vector<at::Tensor> made;
  for (const auto& drawing : drawings) {
    made.push_back(drawing->latents());
    made.push_back(pipeline.Finish(*drawing));
  }
  return made;
}

// Whether the bytes are taken for a state; if they are, a step may fail, and no more.
bool IsTaken(sdxl::Pipeline& pipeline, const sdxl::DrawingRequest& request,
             const std::string& state, uint64_t owner) {
  const sdxl::Drawings drawings = pipeline.Begin(request);
  try {
    sdxl::RestoreDrawings(state, owner, drawings);
  } catch (const darkroom::Error& error) {
    if (error.status() != DR_FAILED_PRECONDITION) throw;
    return false;
  }
  StepAll(pipeline, drawings, drawings.front()->left());
  return true;
}

// With a digest that suits what follows it.
std::string Mended(std::string state) {
  sdxl::Fingerprint digest;
  digest.Add(std::string_view(state).substr(24));
  for (size_t i = 0; i < 8; ++i) state[16 + i] = static_cast<char>(digest.value() >> (8 * i));
  return state;
}

void Damage(sdxl::Pipeline& pipeline, const sdxl::DrawingRequest& request, const std::string& state,
            const Json& how, Tensors* outputs) {
  const auto every = how.at(0).get<size_t>();
  const auto rounds = how.at(1).get<int64_t>();
  const auto expect = [](bool right, const char* what) {
    if (!right) throw std::runtime_error(what);
  };
  expect(IsTaken(pipeline, request, state, kOwner), "a sound state was refused");
  expect(!IsTaken(pipeline, request, state, kOwner + 1), "another's state was taken");
  expect(!IsTaken(pipeline, request, state + "x", kOwner), "a longer state was taken");
  const sdxl::Drawings drawings = pipeline.Begin(request);
  int64_t cut = 0;
  for (size_t size = 0; size < state.size(); size += every, ++cut) {
    bool refused = false;
    try {
      sdxl::RestoreDrawings(std::string_view(state).substr(0, size), kOwner, drawings);
    } catch (const darkroom::Error& error) {
      refused = error.status() == DR_FAILED_PRECONDITION;
    }
    expect(refused, "a cut state was taken");
  }
  std::mt19937 random(11);
  for (int64_t round = 0; round < rounds; ++round) {
    std::string flipped = state;
    // Of the fields, which are few, as often as of the numbers, which are any.
    const size_t among = round % 2 == 0 ? 600 : state.size();
    flipped[random() % std::min(among, state.size())] ^= static_cast<char>(1 << random() % 8);
    expect(!IsTaken(pipeline, request, flipped, kOwner), "a flipped state was taken");
    IsTaken(pipeline, request, Mended(flipped), kOwner);
    const std::string shorter = state.substr(0, 24 + random() % (state.size() - 24));
    expect(!IsTaken(pipeline, request, Mended(shorter), kOwner), "a cut state was taken");
  }
  (*outputs)["cut"] = at::tensor(cut);
  (*outputs)["flipped"] = at::tensor(rounds);
  (*outputs)["mended"] = at::tensor(2 * rounds);
}

Tensors RunResume(sdxl::Pipeline& pipeline, sdxl::Pipeline& again, const Tensors& inputs,
                  const Json& line) {
  const int64_t factor = pipeline.vae()->config().factor();
  const sdxl::DrawingRequest request = ReadRequest(line.at("requests").at(0), inputs, factor);
  const sdxl::Drawings whole = pipeline.Begin(request);
  const int64_t steps = whole.front()->left();
  const std::vector<at::Tensor> expected = Rest(pipeline, whole);
  Tensors outputs;
  std::vector<int64_t> equal;
  for (int64_t step = 1; step < steps; ++step) {
    const sdxl::Drawings first = pipeline.Begin(request);
    StepAll(pipeline, first, step);
    const std::string state = sdxl::SaveDrawings(first, kOwner);
    // To save changes nothing.
    const std::vector<at::Tensor> undisturbed = Rest(pipeline, first);
    const sdxl::Drawings second = again.Begin(request);
    sdxl::RestoreDrawings(state, kOwner, second);
    const bool at_step = second.front()->made() == step;
    const std::vector<at::Tensor> resumed = Rest(again, second);
    bool same = at_step && resumed.size() == expected.size();
    for (size_t i = 0; same && i < expected.size(); ++i)
      same = at::equal(resumed[i], expected[i]) && at::equal(undisturbed[i], expected[i]);
    equal.push_back(same ? 1 : 0);
    outputs["size"] = at::tensor(static_cast<int64_t>(state.size()));
    if (line.contains("damage") && step == steps / 2)
      Damage(again, request, state, line["damage"], &outputs);
  }
  outputs["equal"] = at::tensor(equal);
  return outputs;
}

void Answer(const Networks& networks, const Json& line) {
  Tensors inputs;
  if (line.contains("input"))
    inputs = darkroom::Safetensors::Open(line.at("input").get<std::string>()).tensors();
  Tensors outputs;
  if (networks.unet) outputs = RunUNet(*networks.unet, inputs, line.value("rows", "together"));
  if (networks.vae) outputs = RunVae(*networks.vae, inputs, line.value("tile", int64_t{0}));
  if (line.contains("preview")) {
    const sdxl::Coder coder = sdxl::Coder::Of(*networks.vae, line["preview"].get<int64_t>());
    outputs["preview"] =
        sdxl::PreviewMap::Fit(coder)(inputs.at("latents").to(networks.vae->placement().device));
  }
  if (networks.text) outputs = RunText(*networks.text, line);
  if (networks.again) {
    outputs = RunResume(*networks.draw, *networks.again, inputs, line);
  } else if (networks.draw) {
    outputs = RunDraw(*networks.draw, *networks.folder, inputs, line);
  }
  for (auto& [name, tensor] : outputs) tensor = tensor.to(at::kCPU, at::kFloat);
  darkroom::SaveTensors(line.at("output").get<std::string>(), outputs);
}

void Run() {
  const c10::InferenceMode inference;
  at::set_num_threads(1);  // so small networks are slower with more
  std::map<std::string, Networks> opened;
  for (std::string text; std::getline(std::cin, text);) {
    const Json line = Json::parse(text);
    const std::string key =
        line.at("folder").get<std::string>() + " " + line.at("part").get<std::string>() + " " +
        line.value("engine", "auto") + " " + line.value("dtype", "float32") + " " +
        line.value("device", "cpu") + " " + std::to_string(line.value("limit", 64)) +
        (line.value("copies", false) ? line.at("loras").dump() : "") +
        line.value("config", Json::object()).dump() + line.value("tokenizer", "") +
        line.value("embeddings", "");
    Json answer = Json::object();
    try {
      if (!opened.contains(key)) opened[key] = Open(line);
      Answer(opened[key], line);
    } catch (const std::exception& error) {
      answer["error"] = error.what();
      // What failed where LoRAs are added in place must be good for the next.
      if (!line.contains("requests")) opened.erase(key);
    }
    std::cout << answer.dump(-1, ' ', true, Json::error_handler_t::replace) << std::endl;
  }
}

}  // namespace

int main() {
  try {
    Run();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sdxl_parity_tool: %s\n", error.what());
    return 1;
  }
}
