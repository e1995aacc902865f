"""Training of Render-FM: data, augmentation, losses, the loop and its state."""
