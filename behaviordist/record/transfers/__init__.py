"""The findings of a study of transfers, from its numbers to the blocks of its page."""
