"""What goes out without anybody asking: auto deploys, promotions, and branches that are out."""
