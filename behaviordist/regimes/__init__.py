"""Regimes: pretrain, sft, rlvr. Declarations, losses, rewards; engines execute them."""
