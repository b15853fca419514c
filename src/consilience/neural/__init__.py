"""Torch that two rooms or more share: attention under masks, a small transformer, a training loop, the device."""
