"""How alike the gradients of two children are on the weights that they share."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from commonweight.net.reference import Reference
from commonweight.net.supernet import SuperNet


def gradient_similarity(net: SuperNet, batches: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """Cosine of every two children's gradients, each over the weights that both use: `[copy, child, child]`, in [−1, 1].

    A child's gradient is the sum over the batches (images `[batch, channel, height, width]`, labels `[batch]`) of those of
    its mean cross-entropy, in training mode; nothing is trained, but running statistics move. Two children that have no edge
    in common are compared on stem, preprocessing and head alone. nan where they share nothing or a gradient is zero there.
    Through PyTorch, in the precision of the net.
    """
    engine, children = Reference(net), net.plan.children
    used: dict[nn.Parameter, dict[int, Tensor]] = {}
    for place, child in enumerate(children):
        for images, labels in batches:
            for parameter, gradient in engine.gradients(images, labels, child):
                of = used.setdefault(parameter, {})
                of[place] = of[place] + gradient if place in of else gradient
    products = next(net.parameters()).new_zeros(net.copies, len(children), len(children))
    squares = products.clone()  # [copy, i, j]: of i's gradient on what it shares with j
    for gradients in used.values():
        places = torch.tensor(list(gradients), device=products.device)
        flat = torch.stack([gradient.reshape(net.copies, -1) for gradient in gradients.values()], dim=1)
        product = flat @ flat.mT
        products[:, places[:, None], places] += product
        squares[:, places[:, None], places] += product.diagonal(dim1=1, dim2=2)[:, :, None]
    return (products / (squares * squares.mT).sqrt()).clamp(-1, 1)
