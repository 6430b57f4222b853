"""Randomly initialised models of PyTorch transformers, saved as their users save theirs."""

import torch
import transformers

SIZES = {
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "conv_dim": (8, 8, 8, 8, 8, 8, 12),
    "num_conv_pos_embeddings": 6,
    "num_conv_pos_embedding_groups": 3,
    "layer_norm_eps": 1e-6,
}
GROUP = {"feat_extract_norm": "group", "conv_bias": False}
LAYER = {"feat_extract_norm": "layer", "conv_bias": True}
BASE, LARGE = {**GROUP, "do_stable_layer_norm": False}, {**LAYER, "do_stable_layer_norm": True}
CODES = {"num_codevectors_per_group": 7, "codevector_dim": 10, "proj_codevector_dim": 9}
BUCKETS = {"num_buckets": 16, "max_bucket_distance": 30}  # few, so that all of them occur in a second
T = transformers
VARIANTS = {
    "wav2vec2-base": (T.Wav2Vec2ForPreTraining, T.Wav2Vec2Config, {**BASE, **CODES}),
    "wav2vec2-large": (T.Wav2Vec2ForPreTraining, T.Wav2Vec2Config, {**LARGE, **CODES}),
    "wav2vec2-group-pre": (T.Wav2Vec2ForPreTraining, T.Wav2Vec2Config, {**GROUP, "do_stable_layer_norm": True, **CODES}),
    "wav2vec2-layer-post": (T.Wav2Vec2Model, T.Wav2Vec2Config, {**LAYER, "do_stable_layer_norm": False}),
    "wav2vec2-ctc": (T.Wav2Vec2ForCTC, T.Wav2Vec2Config, {**LARGE, "mask_time_prob": 0.0}),
    "hubert-base": (T.HubertModel, T.HubertConfig, BASE),
    "hubert-large": (T.HubertForCTC, T.HubertConfig, {**LARGE, "feat_proj_layer_norm": False}),
    "wavlm-base": (T.WavLMModel, T.WavLMConfig, {**BASE, **BUCKETS}),
    "wavlm-large": (T.WavLMModel, T.WavLMConfig, {**LARGE, **BUCKETS}),
}


def save(variant, folder):
    """A randomly initialised model of `transformers`, saved as its users save theirs."""
    torch.manual_seed(0)
    model, config, options = VARIANTS[variant]
    theirs = model(config(**SIZES, **options)).eval()
    with torch.no_grad():  # transformers starts norms and gates at 1 and 0, where a swap would not be seen
        for name, parameter in theirs.named_parameters():
            if "norm" in name or "gru" in name or "rel_attn" in name or name.endswith("bias"):
                parameter += 0.3 * torch.randn_like(parameter)
    theirs.save_pretrained(folder)
    return theirs
