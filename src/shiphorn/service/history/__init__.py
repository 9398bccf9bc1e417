"""Past deploys: searched, counted, and summed up in the DORA figures."""
