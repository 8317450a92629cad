"""`behaviordist gate`: by one metric, by a policy, or where a model only answers."""
