"""The look of every figure: style and cells; labelled arrays in, no domain objects."""
