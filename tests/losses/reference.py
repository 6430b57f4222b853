"""The objectives in float64 NumPy, loop by loop as the paper writes them."""

import numpy as np


def cosine(a, b):
    return a @ b / np.sqrt((a @ a) * (b @ b))


def towards_identity(matrix, off):
    total = 0.0
    for i in range(matrix.shape[0]):
        for j in range(matrix.shape[1]):
            total += (matrix[i, i] - 1) ** 2 if i == j else off * matrix[i, j] ** 2
    return total


def feature_view(h, o, alpha):
    dims = h.shape[1]
    return towards_identity(np.array([[cosine(h[:, i], o[:, j]) for j in range(dims)] for i in range(dims)]), alpha)


def batch_view(h, o, beta):
    batch = h.shape[0]
    return towards_identity(np.array([[cosine(h[i], o[j]) for j in range(batch)] for i in range(batch)]), beta)


def contrastive(predictions, targets, mask, distractors, temperature):
    losses = []
    for b in range(mask.shape[0]):
        if mask[b].sum() < 2:
            continue
        for t in np.flatnonzero(mask[b]):
            right = cosine(predictions[b, t], targets[b, t]) / temperature
            wrong = [
                cosine(predictions[b, t], targets[b, s]) / temperature
                for s in distractors[b, t]
                if not np.allclose(targets[b, s], targets[b, t])
            ]
            losses.append(-np.log(np.exp(right) / (np.exp(right) + np.sum(np.exp(wrong)))))
    return np.mean(losses)


def regression(h, o, weight):
    sigmoid = 1 / (1 + np.exp(-cosine(h, o)))
    return np.abs(h - o).mean() - weight * np.log(sigmoid)


def code_classes(logits, index, mask):
    losses = []
    for b, t in np.argwhere(mask):
        exponent = np.exp(logits[b, t])
        losses.append(-sum(np.log(exponent[g, k] / exponent[g].sum()) for g, k in enumerate(index[b, t])))
    return np.mean(losses)
