"""A run at rest: its folder, its rows, its grids; stored runs read again, joined, scored anew."""
