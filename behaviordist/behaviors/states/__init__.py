"""Behaviors as hidden states and a head: exact next-token distributions without the model."""
