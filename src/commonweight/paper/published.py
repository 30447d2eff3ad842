"""The paper's own numbers, as printed there."""

from commonweight.paper.tables import Number

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
    "super-net instances": "10",
    "ground-truth initialisations": "10",
}
"""The paper's settings (§3.1, appendix A.1) in the words of a report; the primitives as the numbers were made."""
