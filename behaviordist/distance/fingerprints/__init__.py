"""From behaviors to fingerprints: collected block by block, kept on disk, resumed."""
