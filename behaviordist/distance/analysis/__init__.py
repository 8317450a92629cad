"""What a distance matrix says: clusters, ordination, witnesses, shares of factors."""
