"""Are closer behaviors cheaper to reach, among real language models?"""
