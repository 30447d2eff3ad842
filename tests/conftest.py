"""Settings of the whole suite."""

import signal

import hypothesis
import torch

# A shell that starts a job in the background makes it ignore Ctrl-C; tests of interruption need it heard, here and in
# the processes that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

torch.set_num_threads(1)  # tiny tensors: more threads only wait for each other

hypothesis.settings.register_profile("commonweight", deadline=None)  # time says more of the machine than of the code
hypothesis.settings.load_profile("commonweight")
