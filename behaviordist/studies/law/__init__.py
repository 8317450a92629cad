"""What studies of the law share: tables, claims about them, the fitted lines, their page."""
