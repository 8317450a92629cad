"""Is there as dear as back?"""
