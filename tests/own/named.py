"""A super-net that is imported by its path: `own.named:net`."""

from own.nets import by_select

net = by_select()
