import pytest
from tests.integration.orders.conftest import *
from tests.integration.orders.world import *
from tests.support.api import code_of
@pytest.mark.timeout(300)
def test_it(world):
    bad=0
    for i in range(150):
        path=world.posted()
        r=world.carrier.get(path)
        if r.status_code!=200:
            bad+=1
            print(i, r.text, world.sql("select id,status,xmin from orders where id=%s", path.split('/')[-2]), world.carrier.get(path).status_code)
    assert bad==0
