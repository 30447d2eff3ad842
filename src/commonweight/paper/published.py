"""The paper's own numbers, as printed there."""

from commonweight.paper.tables import Number

TITLE = "Deeper Insights into Weight Sharing in Neural Architecture Search"
AUTHORS = (
    "Yuge Zhang",
    "Zejun Lin",
    "Junyang Jiang",
    "Quanlu Zhang",
    "Yujing Wang",
    "Hui Xue",
    "Chen Zhang",
    "Yaming Yang",
)
ADDRESS = "https://arxiv.org/abs/2001.01431"
SECTIONS = {
    "3.2": "Variance of weight sharing",
    "3.3": "Exploitable from variance",
    "4.1": "Source of variance",
    "4.2": "Group sharing: reduce variance",
    "4.2.1": "Grouping by random",
    "4.3": "Prefix sharing",
    "A.2": "Effects of hyperparameters",
}
"""The headings of its sections that have tables or figures."""

TABLE_1 = {
    "seeds": (0.5415, 0.7977, 0.2471),
    "orders": (0.3930, 0.7021, -0.0129),
    "orders-shuffled": (0.4403, 0.7163, 0.0764),
    "random": (0.0382, 0.2181, -0.1552),
    "ground-truth": (0.7120, 0.8191, 0.6650),
    "epochs": (0.5310, 0.8752, 0.0918),
}
"""S-Tau, Max Tau, Min Tau of each experiment at the 200th epoch."""

TABLE_2 = {
    "seeds": (Number(0.4567, 0.1478), Number(18.5, 1.2042), Number(17.6, 0.4899)),
    "orders": (Number(0.4625, 0.0993), Number(16.9, 5.7000), Number(11.5, 5.3712)),
    "orders-shuffled": (Number(0.5108, 0.0665), Number(15.6, 8.4758), Number(11.2, 5.5462)),
    "ground-truth": (Number(0.7985, 0.0257), Number(4.8, 3.8419), Number(1.6, 0.9165)),
    "epochs": (Number(0.5053, 0.1399), Number(15.2, 6.9828), Number(13.2, 7.4404)),
}
"""GT-Tau, T1R, T3R of each experiment: mean and population standard deviation of ten numbers."""

CHILDREN = 64
CELLS = 4

TABLE_3A = {
    1: (Number(0.4988, 0.0320), Number(0.1497, 0.0455), Number(0.4988, 0.0320), Number(0.1497, 0.0455)),
    2: (Number(0.4577, 0.0424), Number(0.1371, 0.0233), Number(0.3425, 0.0490), Number(0.1442, 0.0424)),
    4: (Number(0.2736, 0.0216), Number(0.1340, 0.0235), Number(0.7075, 0.0137), Number(0.0702, 0.0156)),
    8: (Number(0.2539, 0.0463), Number(0.1462, 0.0172), Number(0.6917, 0.0267), Number(0.0457, 0.0088)),
    16: (Number(0.1658, 0.0316), Number(0.1255, 0.0155), Number(0.7200, 0.0213), Number(0.0411, 0.0098)),
    32: (Number(0.2903, 0.0256), Number(0.1104, 0.0087), Number(0.7360, 0.0164), Number(0.0364, 0.0096)),
    64: (Number(0.8032, 0.0255), Number(0.0151, 0.0036), Number(0.8032, 0.0255), Number(0.0151, 0.0036)),
}
"""By m: GT-Tau-Mean-64 and -Std-64 of groups at random, then of groups by similarity."""

TABLE_4 = {
    True: {
        0: (Number(0.6960, 0.0193), Number(0.0129, 0.0066), Number(0.7793, 0.0036), Number(0.0245, 0.0010)),
        1: (Number(0.4837, 0.0822), Number(0.0939, 0.0545), Number(0.7691, 0.0089), Number(0.0378, 0.0040)),
        2: (Number(0.4159, 0.0504), Number(0.1925, 0.0362), Number(0.6972, 0.0159), Number(0.0640, 0.0081)),
        3: (Number(0.4448, 0.0689), Number(0.1881, 0.0468), Number(0.6636, 0.0178), Number(0.0823, 0.0113)),
        4: (Number(0.5174, 0.0340), Number(0.1592, 0.0163), Number(0.6639, 0.0166), Number(0.0995, 0.0166)),
    },
    False: {
        0: (Number(0.0441, 0.1348), Number(0.0145, 0.0044), Number(0.6083, 0.0065), Number(0.0173, 0.0020)),
        1: (Number(0.3895, 0.0731), Number(0.0989, 0.0339), Number(0.6435, 0.0114), Number(0.0298, 0.0058)),
        2: (Number(0.4104, 0.0496), Number(0.1801, 0.0418), Number(0.6035, 0.0138), Number(0.0535, 0.0105)),
        3: (Number(0.4545, 0.0581), Number(0.1570, 0.0385), Number(0.6081, 0.0181), Number(0.0667, 0.0086)),
        4: (Number(0.4899, 0.0501), Number(0.1622, 0.0534), Number(0.6177, 0.0171), Number(0.0800, 0.0181)),
    },
}
"""By long (2000 epochs, also Table 3b) or not (200), and k: GT-Tau-Mean-64, -Std-64, accuracy mean and std."""

SECTION_4_2_1 = (0.2570, 0.5610)
"""Mean over the groups of GT-Tau-Mean-64: the random m = 16 partition; the m = 1 instance cut into those groups."""

SETTINGS = {
    "data": "cifar10",
    "image size": "32×32",
    "training images": "50000",
    "primitives": "max_pool_3x3, sep_conv_3x3, sep_conv_5x5, dil_conv_5x5",
    "channels": "16",
    "stem channels": "48",
    "cells": "4",
    "BN momentum": "0.4",
    "batch": "256",
    "epochs": "200",
    "augmentation": "crop with padding 4 and flip",
    "sharing": "all",
    "super-net instances": "10",
    "ground-truth initialisations": "10",
}
"""The paper's settings (§3.1, appendix A.1) in the words of a report; the primitives as the numbers were made."""
