"""The core study: is closer cheaper, and by which law?"""
