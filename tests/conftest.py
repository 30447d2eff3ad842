"""Settings of the whole suite."""

import hypothesis
import torch

torch.set_num_threads(1)  # tiny tensors: more threads only wait for each other

hypothesis.settings.register_profile("commonweight", deadline=None)  # time says more of the machine than of the code
hypothesis.settings.load_profile("commonweight")
