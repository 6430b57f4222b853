"""The peer of benchmarks/train.py: one step of distillation in plain PyTorch, with the teacher from transformers.

Teacher (wav2vec 2.0 base with random parameters), student (the paper's, which attends to the whole clip), front end, losses
(centred dual view over all layers, the teacher's codebook at masked frames with 100 distractors) and optimiser are those of
s3rl_jax, written as is usual in PyTorch; in float32, or bfloat16 with autocast.
"""

import librosa
import numpy as np
import torch
import torch.nn.functional as F
import transformers

FFT, WINDOW, HOP, BANDS = 512, 400, 160, 64
SIZES = {"tiny": (96, 352, 4), "small": (256, 512, 4), "large": (768, 3072, 12)}  # width, feed-forward, heads
LAYERS, POSITION = 3, 15


class Layer(torch.nn.Module):
    def __init__(self, width, ffn, heads):
        super().__init__()
        self.heads = heads
        self.attention_norm, self.feed_forward_norm = torch.nn.RMSNorm(width), torch.nn.RMSNorm(width)
        self.inputs = torch.nn.Linear(width, 3 * width, bias=False)
        self.outputs = torch.nn.Linear(width, width, bias=False)
        self.up, self.down = torch.nn.Linear(width, ffn, bias=False), torch.nn.Linear(ffn, width, bias=False)

    def forward(self, x):
        batch, time, width = x.shape
        y = self.inputs(self.attention_norm(x)).reshape(batch, time, 3, self.heads, width // self.heads)
        query, key, value = y.permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(query, key, value)
        x = x + self.outputs(y.transpose(1, 2).reshape(batch, time, width))
        return x + self.down(F.gelu(self.up(self.feed_forward_norm(x)), approximate="tanh"))


class Student(torch.nn.Module):
    def __init__(self, size, teacher_dim, code_dim):
        super().__init__()
        width, ffn, heads = SIZES[size]
        self.projection = torch.nn.Linear(2 * BANDS, width)
        self.mask_embedding = torch.nn.Parameter(0.1 * torch.randn(width))
        self.position = torch.nn.Conv1d(width, width, POSITION, padding=POSITION // 2, groups=width)
        self.layers = torch.nn.ModuleList(Layer(width, ffn, heads) for _ in range(LAYERS))
        self.norm = torch.nn.RMSNorm(width)
        self.to_teacher, self.to_codes = torch.nn.Linear(width, teacher_dim), torch.nn.Linear(width, code_dim)
        self.layer_logits = torch.nn.Parameter(torch.zeros(13))
        self.register_buffer("mel", torch.tensor(librosa.filters.mel(sr=16_000, n_fft=FFT, n_mels=BANDS)))
        self.register_buffer("window", torch.hann_window(WINDOW))

    def frames(self, audio):
        audio = F.pad(audio, ((FFT - WINDOW) // 2, (FFT - WINDOW) // 2))
        spectrum = torch.stft(audio, FFT, HOP, WINDOW, self.window, center=False, return_complex=True)
        log_mel = (torch.log(self.mel @ spectrum.abs().square() + 1e-7).transpose(1, 2) + 8) / 4
        half = log_mel.shape[1] // 2
        return log_mel[:, : 2 * half].reshape(len(audio), half, 2 * BANDS)

    def forward(self, frames, mask):
        x = self.projection(frames)
        x = torch.where(mask[..., None], self.mask_embedding, x)
        x = x + F.gelu(self.position(x.transpose(1, 2)).transpose(1, 2), approximate="tanh")
        for layer in self.layers:
            x = layer(x)
        return self.norm(x)


def towards_identity(correlation, off_diagonal):
    diagonal = correlation.diagonal()
    return (diagonal - 1).square().sum() + off_diagonal * (correlation.square().sum() - diagonal.square().sum())


def dual_view(h, o, weight=5e-3):
    h, o = h - h.mean(0), o - o.mean(0)
    feature = towards_identity(F.normalize(h, dim=0).T @ F.normalize(o, dim=0), weight)
    batch = towards_identity(F.normalize(h, dim=1) @ F.normalize(o, dim=1).T, weight)
    return feature / feature.detach() + batch / batch.detach()


def negatives_of(codes, mask, distractors):
    """Indices of distractors among all frames of the batch, drawn by transformers."""
    draw = transformers.models.wav2vec2.modeling_wav2vec2._sample_negative_indices
    return torch.tensor(draw(codes.shape[:2], distractors, mask.cpu().numpy()), device=codes.device).long()


def codebook_by_products(picks, codes, mask, distractors=100, kappa=0.1):
    """As `codebook`, by one product of all frames of an utterance and a gather of scalars, as in s3rl_jax."""
    batch, time = codes.shape[:2]
    index = negatives_of(codes, mask, distractors) - time * torch.arange(batch, device=codes.device)[:, None, None]
    picks, codes = F.normalize(picks.float(), dim=-1), F.normalize(codes.float(), dim=-1)
    similarity = picks @ codes.transpose(1, 2) / kappa
    same = (torch.cdist(codes, codes) < 1e-6).gather(2, index.clamp(0, time - 1))
    wrong = similarity.gather(2, index.clamp(0, time - 1)).masked_fill(same, -torch.inf)
    logits = torch.cat([similarity.diagonal(dim1=1, dim2=2)[..., None], wrong], dim=-1)[mask]
    return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long, device=logits.device))


def codebook(picks, codes, mask, distractors=100, kappa=0.1):
    """The codebook objective as in the pre-training of transformers: the vectors of the distractors are gathered."""
    negatives = negatives_of(codes, mask, distractors)
    flat = codes.reshape(-1, codes.shape[-1])
    negative = flat[negatives.reshape(-1)]
    negative = negative.reshape(*codes.shape[:2], distractors, -1).permute(2, 0, 1, 3)
    both = torch.cat([codes[None], negative])
    logits = F.cosine_similarity(picks[None].float(), both.float(), dim=-1) / kappa
    same = (codes == negative).all(-1)
    logits[1:][same] = -torch.inf
    logits = logits.permute(1, 2, 0)[mask]
    return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long, device=logits.device))


def distillation(student_size: str, audio: np.ndarray, dtype: str, compiled: bool, objective=codebook):
    """Returns a function without arguments that runs one step to its end."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    config = transformers.Wav2Vec2Config(layerdrop=0.0, apply_spec_augment=False, attn_implementation="sdpa")
    teacher = transformers.Wav2Vec2ForPreTraining(config).to(device).eval().requires_grad_(False)
    if dtype == "bfloat16":
        teacher = teacher.to(torch.bfloat16)
    student = Student(student_size, config.hidden_size, config.codevector_dim).to(device).train()
    optimizer = torch.optim.AdamW(student.parameters(), lr=1e-4, betas=(0.9, 0.98), weight_decay=0.01)
    samples = torch.tensor(audio, device=device)
    generator = torch.Generator(device).manual_seed(0)
    cast = torch.autocast(device, torch.bfloat16, enabled=dtype == "bfloat16")

    def teacher_targets(sound):
        """Time means of all layers, and the code vectors."""
        model, quantizer = teacher.wav2vec2, teacher.quantizer
        outputs = model(sound, output_hidden_states=True)
        vectors, _ = quantizer(outputs.extract_features)
        return torch.stack([hidden.float().mean(1) for hidden in outputs.hidden_states], 1), vectors.float()

    def losses(sound, mask):
        with torch.no_grad():
            clean = (sound - sound.mean(1, keepdim=True)) / (sound.var(1, keepdim=True) + 1e-7).sqrt()
            means, codes = teacher_targets(clean.to(next(teacher.parameters()).dtype))
        time = codes.shape[1]
        with cast:
            hidden = student(student.frames(sound)[:, :time], mask[:, :time])
            o = student.to_teacher(hidden.mean(1))
            picks = student.to_codes(hidden)
        h = torch.einsum("l,bld->bd", student.layer_logits.softmax(0), means)
        return dual_view(h.float(), o.float()), picks, codes

    call = torch.compile(losses) if compiled else losses

    def step():
        sound = samples.float() / 32768
        starts = torch.rand(len(sound), (audio.shape[1] // 160) // 2, device=device, generator=generator) < 0.065
        mask = F.max_pool1d(F.pad(starts.float(), (9, 0))[:, None], 10, 1)[:, 0] > 0
        mask[:, :10] = True  # every utterance has masked frames
        views, picks, codes = call(sound, mask)
        loss = views + objective(picks, codes, mask[:, : codes.shape[1]])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    return step
