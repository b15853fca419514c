"""Torch that two rooms or more share: attention under masks, a small transformer, training, the device, processes."""
