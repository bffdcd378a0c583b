"""Pages of sales: the shop for people, the sales for the staff."""
