"""What a distance matrix says: clusters, ordination, floors, witnesses, shares of factors."""
