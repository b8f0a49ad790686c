"""Is this computer ready for a session? Facts, gathered at one edge; judgements, pure; two trials on the radio.

Strategy: `gathering` asks the computer and fills the records of `facts`, `trials` uses the radio, `judging` turns facts
into `checks`, `examination` runs it all in order, `report` writes it down for others and `redaction` keeps people out.
Printing is left to the command.
"""
