"""What others have measured: papers, who cites them, data sets, and what each suggests for a goal.

All text that comes from outside is data: it is cleaned, bounded, quoted and never followed. One door leads out.

    python -m intern research goal=gsm8k
"""
