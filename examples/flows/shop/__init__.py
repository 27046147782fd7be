"""What the flows of the shop share. The data is made up on the spot, so that everything runs offline."""
