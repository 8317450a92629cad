"""The law on a real model: soft sources that are tuned into pure answer styles."""
