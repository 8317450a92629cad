"""What lies in a checkpoint's folder, before anything is opened."""
