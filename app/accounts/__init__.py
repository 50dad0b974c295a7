"""Accounts at providers: adding and naming them; connecting them to clouds comes with scans."""
