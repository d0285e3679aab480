"""How a mistake is told: of which kind it is, and on which line."""
